package content

import (
	"archive/tar"
	"bytes"
	"crypto/ed25519"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestUpdate(t *testing.T) {
	f := newFolder(t, CompileRules)
	m := newMaker("2026.11.22-1")
	m.zip = true
	st, err := f.Update(bytes.NewReader(m.make(t)), false)
	if err != nil {
		t.Fatal(err)
	}
	want := Counts{Rules: 2, Addresses: 3, Bots: 1, Passwords: 3, Advisories: 1}
	if st.Version != "2026.11.22-1" || st.Previous != "" || st.Key != idOf(testKey(1)) || st.Counts != want || !st.Installed.Equal(noon()) {
		t.Errorf("installed %+v", st)
	}
	if shown, err := f.Show(); err != nil || shown != st {
		t.Errorf("shown %+v, %v", shown, err)
	}
	c, err := f.Load()
	if err != nil {
		t.Fatal(err)
	}
	if c.Version != st.Version || len(c.Sources) != 2 || c.Sources[0].Name != "content/2026.11.22-1/rules/local.conf" ||
		c.Sources[1].Text != ruleText || !slices.Equal(c.Bots, []string{"EvilCrawler"}) || c.Counts != want {
		t.Errorf("loaded %+v", c)
	}
	for address, bad := range map[string]bool{
		"192.0.2.7": true, "192.0.2.8": false, "198.51.100.200": true, "::ffff:198.51.100.200": true,
		"2001:db8:1::1": true, "2001:db9::1": false, "127.0.0.1": false,
	} {
		if c.BadAddress(netip.MustParseAddr(address)) != bad {
			t.Errorf("%s: want bad %v", address, bad)
		}
	}
	if info, err := os.Stat(filepath.Join(f.dir, "keys")); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder of keys: %v, %v", info.Mode(), err)
	}
}

// TestDamagedBundles: each is wrong in exactly one way, is refused for it, and
// changes nothing.
func TestDamagedBundles(t *testing.T) {
	set := func(name, text string) func(*maker) {
		return func(m *maker) { m.files[name] = text }
	}
	listed := func(change func(*Bundle)) func(*maker) {
		return func(m *maker) { m.listed = change }
	}
	entries := func(change func([]tarFile) []tarFile) func(*maker) {
		return func(m *maker) { m.entries = change }
	}
	extra := func(e tarFile) func(*maker) {
		return entries(func(all []tarFile) []tarFile { return append(all, e) })
	}
	replaced := func(old, by string) func(*maker) {
		return func(m *maker) {
			m.text = func(text []byte) []byte { return bytes.Replace(text, []byte(old), []byte(by), 1) }
		}
	}
	cases := map[string]struct {
		damage func(*maker)
		want   string
	}{
		"another text was signed": {entries(func(all []tarFile) []tarFile {
			all[0].body = strings.Replace(all[0].body, "2026.11.22-2", "2026.11.22-3", 1)
			return all
		}), "the signature is wrong"},
		"a bit of the signature": {entries(func(all []tarFile) []tarFile {
			sig := []byte(all[1].body)
			sig[3] ^= 1
			all[1].body = string(sig)
			return all
		}), "the signature is wrong"},
		"a short signature": {entries(func(all []tarFile) []tarFile {
			all[1].body, all[1].Size = all[1].body[:63], 63
			return all
		}), "the signature is wrong"},
		"a long signature": {entries(func(all []tarFile) []tarFile {
			all[1].body, all[1].Size = all[1].body+"x", 65
			return all
		}), "bundle.sig has 65 bytes"},
		"signed by another, who claims to be trusted": {func(m *maker) { m.key = testKey(2) }, "the signature is wrong"},
		"a key that is not trusted":                   {func(m *maker) { m.key, m.bundle.Key = testKey(2), idOf(testKey(2)) }, "which is not trusted"},
		"a key that is no id":                         {func(m *maker) { m.bundle.Key = "../keys/x" }, "does not say which key"},
		"no signature": {
			entries(func(all []tarFile) []tarFile { return slices.Delete(all, 1, 2) }),
			`"advisories/GHSA-test.json" stands where bundle.sig must stand`,
		},
		"the signature stands first": {
			entries(func(all []tarFile) []tarFile { all[0], all[1] = all[1], all[0]; return all }),
			`"bundle.sig" stands where bundle.json must stand`,
		},
		"nothing": {entries(func([]tarFile) []tarFile { return nil }), "this is no bundle: bundle.json is missing"},

		"a checksum": {entries(func(all []tarFile) []tarFile {
			all[2].body = strings.Replace(all[2].body, "GHSA", "GHSB", 1)
			return all
		}), "its checksum is wrong"},
		"a size": {entries(func(all []tarFile) []tarFile {
			all[2].body += " "
			all[2].Size++
			return all
		}), "bytes, but bundle.json says"},
		"a listed size":     {listed(func(b *Bundle) { b.Files[0].Size-- }), "bytes, but bundle.json says"},
		"a negative size":   {listed(func(b *Bundle) { b.Files[0].Size = -1 }), "-1 bytes; at most"},
		"a huge size":       {listed(func(b *Bundle) { b.Files[0].Size = 1<<20 + 1 }), "1048577 bytes; at most 1048576"},
		"an upper-case sum": {listed(func(b *Bundle) { b.Files[0].SHA256 = strings.ToUpper(b.Files[0].SHA256) }), "64 lower-case hexadecimal digits"},
		"a file is missing": {entries(func(all []tarFile) []tarFile { return all[:len(all)-1] }), "rules/unicorn-horn.yaml is missing"},
		"a file is not listed": {
			extra(tarFile{tar.Header{Typeflag: tar.TypeReg, Name: "rules/more.conf"}, ""}),
			"rules/more.conf is in the bundle, but bundle.json does not list it",
		},
		"an unknown file":      {extra(tarFile{tar.Header{Typeflag: tar.TypeReg, Name: "install.sh"}, ""}), `"install.sh" is no file of a bundle`},
		"an unknown listed":    {set("rules/deep/x.yaml", ruleText), `"rules/deep/x.yaml" is no file of a bundle`},
		"a path upwards":       {extra(tarFile{tar.Header{Typeflag: tar.TypeReg, Name: "rules/../../../x.conf"}, ""}), "leads out of the bundle"},
		"an absolute path":     {extra(tarFile{tar.Header{Typeflag: tar.TypeReg, Name: "/etc/x.conf"}, ""}), "leads out of the bundle"},
		"a listed path":        {set("../rules/x.conf", ""), "leads out of the bundle"},
		"a backslash":          {set(`rules\x.conf`, ""), "leads out of the bundle"},
		"a link":               {extra(tarFile{tar.Header{Typeflag: tar.TypeSymlink, Name: "rules/x.conf", Linkname: "/etc/passwd"}, ""}), "no folders, links or devices"},
		"a hard link":          {extra(tarFile{tar.Header{Typeflag: tar.TypeLink, Name: "rules/x.conf", Linkname: "bundle.json"}, ""}), "no folders, links or devices"},
		"a folder":             {extra(tarFile{tar.Header{Typeflag: tar.TypeDir, Name: "rules/"}, ""}), "no folders, links or devices"},
		"twice in the archive": {entries(func(all []tarFile) []tarFile { return append(all, all[2]) }), "is in the bundle twice"},
		"bundle.json twice":    {entries(func(all []tarFile) []tarFile { return append(all, all[0]) }), "is in the bundle twice"},
		"listed twice":         {listed(func(b *Bundle) { b.Files = append(b.Files, b.Files[0]) }), "is listed twice"},
		"twice but for case": {listed(func(b *Bundle) {
			f := b.Files[0]
			f.Path = "advisories/ghsa-TEST.json"
			b.Files = append(b.Files, f)
		}), "is listed twice"},
		"no files":       {func(m *maker) { m.files = nil }, "0 files"},
		"too many files": {listed(func(b *Bundle) { b.Files = slices.Repeat(b.Files[:1], maxFiles+1) }), "10001 files"},

		"a newer format":      {func(m *maker) { m.bundle.Format = 2 }, "format 2, this Farrier reads 1"},
		"an unknown field":    {replaced(`"name"`, `"nom":"x","name"`), `unknown field "nom"`},
		"text behind":         {func(m *maker) { m.text = func(text []byte) []byte { return append(text, "{}"...) } }, "reading bundle.json"},
		"no JSON":             {func(m *maker) { m.text = func([]byte) []byte { return []byte("version: 1") } }, "reading bundle.json"},
		"no name":             {func(m *maker) { m.bundle.Name = "" }, `name ""`},
		"no version":          {func(m *maker) { m.bundle.Version = "7" }, `version "7": write the day and a number`},
		"no such day":         {func(m *maker) { m.bundle.Version = "2026.02.30-1" }, "there is no such day"},
		"no date":             {replaced(`"created":"2026-11-22T12:00:00Z",`, ``), "created is missing"},
		"a newer Farrier":     {func(m *maker) { m.bundle.MinimumFarrier = "1.5" }, "the bundle needs Farrier 1.5 or later, this is v1.4.0"},
		"an odd Farrier":      {func(m *maker) { m.bundle.MinimumFarrier = "later" }, `minimumFarrier "later"`},
		"another series":      {func(m *maker) { m.bundle.Name = "other" }, `it is content "other", but "community" is installed`},
		"the same version":    {func(m *maker) { m.bundle.Version = "2026.11.22-1" }, "version 2026.11.22-1 is installed already"},
		"an older version":    {func(m *maker) { m.bundle.Version = "2026.11.21-9" }, "version 2026.11.21-9 is older than the installed 2026.11.22-1"},
		"an example fails":    {set("rules/unicorn-horn.yaml", strings.Replace(ruleText, "a horse", "a unicorn-horn-4711", 1)), "rules/unicorn-horn.yaml:9: good[0]: matches and must not"},
		"a rule without bad":  {set("rules/unicorn-horn.yaml", ruleText[:strings.Index(ruleText, "bad:")]), "bad: is missing"},
		"one id, two rules":   {set("rules/z.yaml", ruleText), `rules/z.yaml: "unicorn-horn" is the id of the rule in rules/unicorn-horn.yaml`},
		"an address":          {set("feeds/addresses.txt", "192.0.2.7\n\n192.0.2.256 # no\n"), "feeds/addresses.txt:3: \"192.0.2.256\" is neither"},
		"bits behind":         {set("feeds/addresses.txt", "192.0.2.7/24\n"), "feeds/addresses.txt:1: \"192.0.2.7/24\" has bits behind its prefix; write 192.0.2.0/24"},
		"half the world":      {set("feeds/addresses.txt", "0.0.0.0/1\n"), "is wider than /8"},
		"all of IPv6":         {set("feeds/addresses.txt", "::/0\n"), "is wider than /16"},
		"a mapped network":    {set("feeds/addresses.txt", "::ffff:192.0.2.0/120\n"), "write the IPv4 network"},
		"a zone":              {set("feeds/addresses.txt", "fe80::1%eth0\n"), "the address of no caller"},
		"a bot of one letter": {set("feeds/bots.txt", "e\n"), "feeds/bots.txt:1: a phrase has 4 to 256 bytes"},
		"a bot with a bell":   {set("feeds/bots.txt", "ok phrase\nevil\aone\n"), "feeds/bots.txt:2: a phrase is text"},
		"unsorted passwords":  {set("passwords/sha1-prefixes", "BBBBBBBBBB\nAAAAAAAAAA\n"), "passwords/sha1-prefixes:2: not behind"},
		"repeated passwords":  {set("passwords/sha1-prefixes", "AAAAAAAAAA\nAAAAAAAAAA\n"), "passwords/sha1-prefixes:2: not behind"},
		"other lengths":       {set("passwords/sha1-prefixes", "AAAAAAAAAA\nAAAAAAAAAAB\n"), "passwords/sha1-prefixes:2: 11 digits, the line before has 10"},
		"lower-case digits":   {set("passwords/sha1-prefixes", "aaaaaaaaaa\n"), "passwords/sha1-prefixes:1: write 10 to 40 upper-case"},
		"a count of lines":    {listed(func(b *Bundle) { b.Files[3].Lines++ }), "3 lines, but bundle.json says 4"},
		"lines elsewhere":     {listed(func(b *Bundle) { b.Files[0].Lines = 1 }), "only passwords/sha1-prefixes has them"},
		"an advisory's name":  {set("advisories/X.json", `{"id":"Y","modified":"now"}`), `advisories/X.json: its id is "Y"`},
		"an advisory undated": {set("advisories/X.json", `{"id":"X"}`), "advisories/X.json: modified is missing"},
		"no advisory":         {set("advisories/X.json", `[]`), "advisories/X.json: json:"},
	}
	f := newFolder(t, anyRules)
	f.mustUpdate(t, newMaker("2026.11.22-1").make(t))
	before := picture(t, f.dir)
	for name, c := range cases {
		m := newMaker("2026.11.22-2")
		c.damage(m)
		_, err := f.Update(bytes.NewReader(m.make(t)), false)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if picture(t, f.dir) != before {
			t.Fatalf("%s: the refused bundle changed the folder", name)
		}
	}
	if t.Logf("%d damaged bundles", len(cases)); len(cases) < 60 {
		t.Error("too few bundles played")
	}
}

// TestDamagedBytes damages what is around the files.
func TestDamagedBytes(t *testing.T) {
	f := newFolder(t, anyRules)
	plain := newMaker("2026.11.22-2").make(t)
	m := newMaker("2026.11.22-2")
	m.zip = true
	zipped := m.make(t)
	cases := map[string]struct {
		bytes []byte
		want  string
	}{
		"text behind the archive": {append(slices.Clone(plain), "more"...), "more behind the end"},
		"text behind the gzip":    {append(slices.Clone(zipped), "more"...), "more behind the end"},
		"a second gzip":           {append(slices.Clone(zipped), zipped...), "more behind the end"},
		"cut":                     {plain[:len(plain)-3000], "reading"},
		"cut gzip":                {zipped[:len(zipped)*2/3], "reading"},
		"a damaged gzip sum":      {append(slices.Clone(zipped[:len(zipped)-8]), 1, 2, 3, 4, 5, 6, 7, 8), "reading the end"},
		"too many zeros":          {append(slices.Clone(plain), make([]byte, maxPadding+1)...), "more behind the end"},
		"no archive":              {[]byte("-----BEGIN CERTIFICATE-----"), "this is no bundle"},
		"nothing":                 {nil, "this is no bundle"},
	}
	for name, c := range cases {
		_, err := f.Update(bytes.NewReader(c.bytes), false)
		if err == nil || !strings.Contains(err.Error(), c.want) && name != "no archive" {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if c, err := f.Load(); err != nil || c.Version != "" {
			t.Fatalf("%s: the refused bundle is installed, %v", name, err)
		}
	}
	t.Logf("%d damaged archives", len(cases))
	// The padding that tar writes is no damage.
	f.mustUpdate(t, append(plain, make([]byte, 10240)...))
}

// TestRulesThatDoNotCompile: SecLang is only tried together with all other rules.
func TestRulesThatDoNotCompile(t *testing.T) {
	f := newFolder(t, CompileRules)
	for text, want := range map[string]string{
		`SecRule ARGS "@rx (" "id:1002,phase:2,block"`:          "content/2026.11.22-2/rules/bad.conf:1",
		`SecRule ARGS "@rx x" "id:942100,phase:2,block"`:        "942100",
		`Include /etc/passwd`:                                   "content/2026.11.22-2/rules/bad.conf:1",
		`SecRule ARGS "@pmFromFile /etc/passwd" "id:1,phase:2"`: "content/2026.11.22-2/rules/bad.conf:1",
	} {
		m := newMaker("2026.11.22-2")
		m.files["rules/bad.conf"] = text + "\n"
		_, err := f.Update(bytes.NewReader(m.make(t)), false)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "do not compile together") {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	if c, err := f.Load(); err != nil || c.Version != "" {
		t.Errorf("installed %q, %v", c.Version, err)
	}
}

func TestForce(t *testing.T) {
	f := newFolder(t, anyRules)
	f.mustUpdate(t, newMaker("2026.11.22-2").make(t))
	for _, change := range []func(*maker){
		func(m *maker) { m.bundle.Version = "2026.11.22-1" }, // older
		func(m *maker) { m.bundle.Version = "2026.11.22-1" }, // the same again
		func(m *maker) { delete(m.files, "feeds/bots.txt") }, // the version before, otherwise
		func(m *maker) { m.bundle.Name, m.bundle.Version = "other", "2026.11.20-1" },
	} {
		m := newMaker("2026.11.22-2")
		change(m)
		bundle := m.make(t)
		st, err := f.Update(bytes.NewReader(bundle), true)
		if err != nil || st.Version != m.bundle.Version || st.Name != m.bundle.Name || st.Previous == "" {
			t.Errorf("forced %s: %+v, %v", m.bundle.Version, st, err)
		}
		if c, err := f.Load(); err != nil || c.Version != m.bundle.Version || len(c.Bots) != len(m.files["feeds/bots.txt"])/len(sound()["feeds/bots.txt"]) {
			t.Errorf("loaded %q, %v", c.Version, err)
		}
	}
	// Force is no trust: neither in keys, nor in rules, nor in other Farriers.
	for want, change := range map[string]func(*maker){
		"not trusted": func(m *maker) { m.key, m.bundle.Key = testKey(2), idOf(testKey(2)) },
		"must not": func(m *maker) {
			m.files["rules/unicorn-horn.yaml"] = strings.Replace(ruleText, "a horse", "unicorn-horn-4711", 1)
		},
		"needs Farrier 9.0": func(m *maker) { m.bundle.MinimumFarrier = "9.0" },
	} {
		m := newMaker("2026.11.22-9")
		change(m)
		if _, err := f.Update(bytes.NewReader(m.make(t)), true); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("forced: %v, want %q", err, want)
		}
	}
}

func TestForceMendsDamage(t *testing.T) {
	f := newFolder(t, anyRules)
	bundle := newMaker("2026.11.22-1").make(t)
	f.mustUpdate(t, bundle)
	for _, damage := range []func(dir string) error{
		func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "rules/local.conf"), []byte("x"), 0o600)
		},
		func(dir string) error { return os.Remove(filepath.Join(dir, "feeds/bots.txt")) },
		func(dir string) error { return os.Remove(filepath.Join(dir, signatureFile)) },
		func(dir string) error { return os.WriteFile(filepath.Join(dir, bundleFile), []byte("{}"), 0o600) },
		os.RemoveAll,
		func(dir string) error {
			return os.WriteFile(filepath.Join(filepath.Dir(dir), stateFile), []byte("{"), 0o600)
		},
		func(dir string) error {
			return os.WriteFile(filepath.Join(filepath.Dir(dir), stateFile),
				[]byte(`{"format":1,"current":{"folder":"../../etc","version":"2026.11.22-1"}}`), 0o600)
		},
	} {
		c, err := f.Load()
		if err != nil {
			t.Fatal(err)
		}
		if err := damage(c.Dir); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Load(); err == nil {
			t.Error("damage is not noticed")
		}
		if _, err := f.Show(); err == nil {
			t.Error("damage is not shown")
		}
		if _, err := f.Update(bytes.NewReader(bundle), true); err != nil {
			t.Error(err)
		}
	}
}

// TestShowReadsAll: what is not loaded is looked at when it is shown.
func TestShowReadsAll(t *testing.T) {
	f := newFolder(t, anyRules)
	f.mustUpdate(t, newMaker("2026.11.22-1").make(t))
	c, err := f.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"passwords/sha1-prefixes", "advisories/GHSA-test.json"} {
		path := filepath.Join(c.Dir, name)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, bytes.ReplaceAll(text, []byte("0"), []byte("1")), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Show(); err == nil || !strings.Contains(err.Error(), name+" is not the file that was signed") {
			t.Errorf("%s: %v", name, err)
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRollback(t *testing.T) {
	f := newFolder(t, anyRules)
	version := func() string {
		t.Helper()
		c, err := f.Load()
		if err != nil {
			t.Fatal(err)
		}
		return c.Version
	}
	if _, err := f.Rollback(false); err == nil || !strings.Contains(err.Error(), "no content is installed") {
		t.Errorf("with nothing: %v", err)
	}
	for _, v := range []string{"2026.11.22-1", "2026.11.22-2", "2026.12.01-1"} {
		f.mustUpdate(t, newMaker(v).make(t))
	}
	if kept, err := filepath.Glob(filepath.Join(f.dir, "20*")); err != nil || len(kept) != 2 {
		t.Errorf("kept %v, %v", kept, err)
	}
	for _, want := range []string{"2026.11.22-2", ""} {
		if st, err := f.Rollback(false); err != nil || st.Version != want || version() != want {
			t.Errorf("rolled back to %+v, %v; want %q", st, err, want)
		}
	}
	// What was left may come again without force.
	f.mustUpdate(t, newMaker("2026.11.22-2").make(t))
	f.mustUpdate(t, newMaker("2026.12.01-1").make(t))
	// What lies before is not believed blindly.
	old, err := filepath.Glob(filepath.Join(f.dir, "2026.11.22-2.*", "rules", "local.conf"))
	if err != nil || len(old) != 1 {
		t.Fatal(old, err)
	}
	if err := os.WriteFile(old[0], nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Rollback(false); err == nil || !strings.Contains(err.Error(), "the content before, 2026.11.22-2, can't serve: rules/local.conf has 0 bytes") {
		t.Errorf("damaged: %v", err)
	}
	if version() != "2026.12.01-1" {
		t.Errorf("a refused rollback left %q", version())
	}
	if _, err := f.Rollback(true); err != nil || version() != "" {
		t.Errorf("to nothing: %q, %v", version(), err)
	}
}

// TestUpdateWhileReading updates again and again while readers read: what they
// see is always whole.
func TestUpdateWhileReading(t *testing.T) {
	f := newFolder(t, anyRules)
	f.mustUpdate(t, newMaker("2026.11.22-1").make(t))
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for last := "2026.11.22-1"; ; {
				c, err := f.Load()
				if err != nil || len(c.Sources) != 2 || newer(last, c.Version) {
					t.Errorf("read %+v behind %s, %v", c, last, err)
					return
				}
				last = c.Version
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	const updates = 30
	for i := range updates {
		m := newMaker("2026.11.23-" + string(rune('1'+i%9)) + strings.Repeat("0", i/9))
		f.mustUpdate(t, m.make(t))
	}
	close(done)
	readers.Wait()
	t.Logf("%d updates", updates)
}

// TestTwoUpdates: two commands at once do not mix.
func TestTwoUpdates(t *testing.T) {
	f := newFolder(t, anyRules)
	unlock, err := f.lock()
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Update(bytes.NewReader(newMaker("2026.11.22-1").make(t)), false)
	if err == nil || !strings.Contains(err.Error(), "another farrier content command is at work") {
		t.Errorf("while locked: %v", err)
	}
	unlock()
	f.mustUpdate(t, newMaker("2026.11.22-1").make(t))
}

func TestKeys(t *testing.T) {
	f := newFolder(t, anyRules)
	private, public, err := GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	key, err := ParsePrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	rsa := "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEJz4VkP7XPaJ3kWk7Z0Mz8Cc1rJ9P\n-----END PUBLIC KEY-----\n"
	for name, c := range map[string]struct{ text, want string }{
		"a private key":    {string(private), "it is a private key, which stays with who signs"},
		"no PEM":           {"hello", "it is not PEM"},
		"another block":    {"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", `it holds a "CERTIFICATE"`},
		"damaged":          {rsa, "reading the key"},
		"something behind": {string(public) + "x", "more behind the key"},
	} {
		if _, err := f.Trust([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if _, err := ParsePrivateKey(public); err == nil {
		t.Error("a public key passes for a private one")
	}
	for range 2 { // again is no error
		if id, err := f.Trust(public); err != nil || id != idOf(key) {
			t.Errorf("trusted %q, %v", id, err)
		}
	}
	if keys, err := f.Keys(); err != nil || len(keys) != 2 {
		t.Errorf("%v, %v", keys, err)
	}
	// What is installed keeps its key from being forgotten.
	f.mustUpdate(t, newMaker("2026.11.22-1").make(t))
	if err := f.Untrust(idOf(testKey(1)), false); err == nil || !strings.Contains(err.Error(), "content 2026.11.22-1 is installed and signed with the key") {
		t.Errorf("in use: %v", err)
	}
	if err := f.Untrust(idOf(key), false); err != nil {
		t.Error(err)
	}
	if err := f.Untrust(idOf(key), false); err == nil || !strings.Contains(err.Error(), "is not trusted") {
		t.Errorf("twice: %v", err)
	}
	if err := f.Untrust("../current", true); err == nil || !strings.Contains(err.Error(), "is no id of a key") {
		t.Errorf("a path: %v", err)
	}
	if err := f.Untrust(idOf(testKey(1)), true); err != nil {
		t.Error(err)
	}
	if _, err := f.Load(); err == nil || !strings.Contains(err.Error(), "not trusted") {
		t.Errorf("loaded without a key: %v", err)
	}
	// A key under another name is not believed.
	name := filepath.Join(f.keysDir(), idOf(testKey(1))+".pem")
	if err := os.WriteFile(name, public, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Load(); err == nil || !strings.Contains(err.Error(), "holds another key") {
		t.Errorf("loaded with another key: %v", err)
	}
}

func TestSign(t *testing.T) {
	dir := t.TempDir()
	for name, text := range sound() {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d := Draft{Name: "community", Version: FirstVersion(noon()), MinimumFarrier: "1.0", Created: noon(), Compile: anyRules}
	var first, second bytes.Buffer
	for _, out := range []*bytes.Buffer{&first, &second} {
		if b, err := Sign(dir, d, testKey(1), out); err != nil || b.Version != "2026.11.22-1" || len(b.Files) != 6 {
			t.Fatalf("%+v, %v", b, err)
		}
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("equal files give other bundles")
	}
	f := newFolder(t, anyRules)
	f.mustUpdate(t, first.Bytes())

	// What would be refused is not signed.
	for want, damage := range map[string]func(d *Draft, write func(name, text string)){
		`"README" is no file of a bundle`: func(_ *Draft, write func(string, string)) { write("README", "") },
		"feeds/bots.txt:1":                func(_ *Draft, write func(string, string)) { write("feeds/bots.txt", "e") },
		`version "1"`:                     func(d *Draft, _ func(string, string)) { d.Version = "1" },
	} {
		copied := filepath.Join(t.TempDir(), "copy")
		if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		other := d
		damage(&other, func(name, text string) {
			if err := os.WriteFile(filepath.Join(copied, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		})
		if _, err := Sign(copied, other, testKey(1), &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestVersions(t *testing.T) {
	order := []string{"2025.12.31-99999", "2026.01.01-1", "2026.01.01-2", "2026.01.01-10", "2026.01.02-1"}
	for i, a := range order {
		for k, b := range order {
			if newer(a, b) != (i > k) {
				t.Errorf("newer(%s, %s)", a, b)
			}
		}
	}
	for _, bad := range []string{"", "2026.1.1-1", "2026.01.01", "2026.01.01-0", "2026.01.01-01", "2026.13.01-1", "2026.01.01-1 ", "../../x"} {
		if _, err := parseVersion(bad); err == nil {
			t.Errorf("%q passes", bad)
		}
	}
	for _, c := range []struct {
		wanted, have string
		ok           bool
	}{
		{"", "v1.0.0", true},
		{"1.4", "v1.4.0", true},
		{"1.4.1", "v1.4.0", false},
		{"1.4", "v2.0.0", true},
		{"2.0", "v1.9.9", false},
		{"99.0", "(devel)", true},
		{"99.0", "v0.0.0-20261122000000-0123456789ab", true},
	} {
		b := Bundle{MinimumFarrier: c.wanted}
		if err := b.suits(c.have); (err == nil) != c.ok {
			t.Errorf("wants %q, have %q: %v", c.wanted, c.have, err)
		}
	}
}

func FuzzReadArchive(f *testing.F) {
	// Small ones: the fuzzer makes short what it finds, byte by byte.
	for _, zip := range []bool{false, true} {
		m := newMaker("2026.11.22-1")
		m.files, m.zip = map[string]string{"feeds/bots.txt": "EvilCrawler\n"}, zip
		f.Add(m.make(f))
	}
	key := testKey(1).Public().(ed25519.PublicKey)
	f.Fuzz(func(t *testing.T, in []byte) {
		kept := map[string][]byte{}
		b, err := readArchive(bytes.NewReader(in), func(s signed) (*Bundle, error) {
			// Signatures can't be guessed: with this one every bundle.json is tried.
			if len(s.signature) > ed25519.SignatureSize {
				t.Fatal("a long signature")
			}
			_ = ed25519.Verify(key, s.bundle, s.signature)
			return parseBundle(s.bundle)
		}, func(name string, body io.Reader) error {
			if _, twice := kept[name]; twice || !filepath.IsLocal(name) || kindOf(name) == unknown {
				t.Fatalf("kept %q", name)
			}
			var text bytes.Buffer
			_, err := text.ReadFrom(body)
			kept[name] = text.Bytes()
			return err
		})
		if err != nil {
			return
		}
		for i := range b.Files {
			if err := b.Files[i].check(kept[b.Files[i].Path]); err != nil {
				t.Fatal(err)
			}
		}
		if len(kept) != len(b.Files) {
			t.Fatalf("kept %d of %d files", len(kept), len(b.Files))
		}
	})
}

func FuzzFeeds(f *testing.F) {
	for _, text := range sound() {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if set, n, err := parseAddresses(text); err == nil && (set.Size() > n || n > 0 && set.Size() == 0) {
			t.Errorf("%d lines, %d networks", n, set.Size())
		}
		all, err := parseBots(text)
		for _, phrase := range all {
			if err == nil && (len(phrase) < minBot || strings.TrimSpace(phrase) != phrase) {
				t.Errorf("phrase %q", phrase)
			}
		}
		_ = checkAdvisory("advisories/X.json", text)
		_, _ = parseState(text)
	})
}
