package detect

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"

	"farrier.dev/farrier/internal/detect/rulefile"
	"farrier.dev/farrier/internal/detect/seclang"
	"farrier.dev/farrier/internal/finding"
)

// Rules are the compiled rules of one paranoia level, with those of operators.
// They are immutable, but for what their automata remember.
type Rules struct {
	requests  *seclang.Set
	responses *seclang.Set
	// facts are the rules by their numbers.
	facts    map[int]*rule
	paranoia int
	digest   string
	pool     pool
}

// Source is a file of rules that operators wrote: SecLang, or a rule file of
// ours when the name ends in .yaml or .yml.
type Source struct{ Name, Text string }

// requestRules are the files of the Core Rule Set that look at requests. The
// files that add up scores and decide are left out: that is done in the open,
// from the findings.
var requestRules = [...]string{
	"REQUEST-901-INITIALIZATION", "REQUEST-911-METHOD-ENFORCEMENT", "REQUEST-913-SCANNER-DETECTION",
	"REQUEST-920-PROTOCOL-ENFORCEMENT", "REQUEST-921-PROTOCOL-ATTACK", "REQUEST-922-MULTIPART-ATTACK",
	"REQUEST-930-APPLICATION-ATTACK-LFI", "REQUEST-931-APPLICATION-ATTACK-RFI",
	"REQUEST-932-APPLICATION-ATTACK-RCE", "REQUEST-933-APPLICATION-ATTACK-PHP",
	"REQUEST-934-APPLICATION-ATTACK-GENERIC", "REQUEST-941-APPLICATION-ATTACK-XSS",
	"REQUEST-942-APPLICATION-ATTACK-SQLI", "REQUEST-943-APPLICATION-ATTACK-SESSION-FIXATION",
	"REQUEST-944-APPLICATION-ATTACK-JAVA",
}

// responseRules are those that look at responses.
var responseRules = [...]string{
	"REQUEST-901-INITIALIZATION", "RESPONSE-950-DATA-LEAKAGES", "RESPONSE-951-DATA-LEAKAGES-SQL", "RESPONSE-952-DATA-LEAKAGES-JAVA",
	"RESPONSE-953-DATA-LEAKAGES-PHP", "RESPONSE-954-DATA-LEAKAGES-IIS", "RESPONSE-955-WEB-SHELLS", "RESPONSE-956-DATA-LEAKAGES-RUBY",
}

// crsSetup is what crs-setup.conf is to a web server, for the traffic of APIs.
//   - PUT, PATCH and DELETE are usual methods.
//   - Content-Encoding is opened before the rules run, Expect and Content-Range
//     are the engine's business: these three headers are not restricted.
//   - ".com" is not a file extension here: /users/ann@example.com is a usual path.
const crsSetup = `
SecDefaultAction "phase:1,log,noauditlog,pass"
SecDefaultAction "phase:2,log,noauditlog,pass"
SecDefaultAction "phase:3,log,noauditlog,pass"
SecDefaultAction "phase:4,log,noauditlog,pass"
SecAction "id:900990,phase:1,pass,t:none,nolog,\
 setvar:tx.crs_setup_version=4250,\
 setvar:tx.blocking_paranoia_level=%[1]d,\
 setvar:tx.detection_paranoia_level=%[1]d,\
 setvar:'tx.allowed_methods=GET HEAD POST PUT PATCH DELETE OPTIONS',\
 setvar:'tx.allowed_request_content_type_charset=|utf-8| |utf-16| |utf-16le| |utf-16be| |iso-8859-1| |iso-8859-15| |windows-1252| |us-ascii|',\
 setvar:'tx.restricted_headers_basic=/proxy/ /lock-token/ /if/ /x-http-method-override/ /x-http-method/ /x-method-override/ /x-middleware-subrequest/',\
 setvar:'tx.restricted_extensions=.ani/ .asa/ .asax/ .ascx/ .back/ .backup/ .bak/ .bck/ .bk/ .bkp/ .bat/ .cdx/ .cer/ .cfg/ .cmd/ .cnf/ .compositefont/ .config/ .conf/ .copy/ .crt/ .cs/ .csproj/ .csr/ .dat/ .db/ .dbf/ .dist/ .dll/ .dos/ .dpkg-dist/ .drv/ .gadget/ .hta/ .htr/ .htw/ .ida/ .idc/ .idq/ .inc/ .inf/ .ini/ .jks/ .jse/ .key/ .licx/ .lnk/ .log/ .mdb/ .msc/ .ocx/ .old/ .pass/ .pdb/ .pfx/ .pif/ .pem/ .pol/ .prf/ .printer/ .pwd/ .rdb/ .rdp/ .reg/ .resources/ .resx/ .sav/ .save/ .scr/ .sct/ .sh/ .shs/ .sql/ .sqlite/ .sqlite3/ .swap/ .swo/ .swp/ .sys/ .temp/ .tfstate/ .tlb/ .tmp/ .vb/ .vbe/ .vbs/ .vbproj/ .vsdisco/ .vxd/ .webinfo/ .ws/ .wsc/ .wsf/ .wsh/ .xsd/ .xsx/'"
`

// removedRules are those that are wrong about APIs, or whose work is done
// elsewhere.
//   - 920160..920181: framing is checked where bytes are read.
//   - 920300..920330: programs that call APIs leave out Accept and User-Agent.
//   - 920340, 920640, 920420: bodies are opened whatever their Content-Type;
//     which types an API takes is for its description to say.
//   - 920350: probes and calls inside a cluster use numeric hosts.
//   - 921170, 921180: repeated parameters are lists in APIs.
//   - 922130 takes colons in names of files for bad names of headers; we read
//     multipart messages ourselves, once.
//   - 941310: no text is US-ASCII of eight bits; UTF-8 has those bytes within
//     characters of Bengali, Hindi and Thai.
//   - 920260..930110 look at the whole address; we hand the query over apart.
//   - 942290, 942151: $filter and the other options of OData queries are no
//     operators of a database, and startswith( is one of its functions.
const removedRules = `
SecRuleRemoveById 920160 920170 920171 920180 920181
SecRuleRemoveById 920300 920310 920311 920320 920330
SecRuleRemoveById 920340 920640 920420 920350 921170 921180
SecRuleRemoveById 922130 941310
SecRuleUpdateTargetById 920260 "QUERY_STRING"
SecRuleUpdateTargetById 921240 "QUERY_STRING"
SecRuleUpdateTargetById 930100 "QUERY_STRING"
SecRuleUpdateTargetById 930110 "QUERY_STRING"
SecRuleUpdateTargetById 942290 "!ARGS_NAMES:/^[$](?:filter|top|skip|select|orderby|expand|count|search|format|apply|compute|levels)$/"
SecRuleUpdateTargetById 942151 "!ARGS:$filter"
`

// firstCustom is the number of the first rule file of operators.
const firstCustom = 9_000_000

// LoadRules compiles the Core Rule Set for a paranoia level, 1 to 4, our own
// rules, and those of operators, which may also change and remove rules of the
// set. It takes some tenths of a second and about 20 MB.
func LoadRules(paranoia int, custom ...Source) (*Rules, error) {
	if paranoia < 1 || paranoia > 4 {
		return nil, fmt.Errorf("paranoia level %d: it must be between 1 and 4", paranoia)
	}
	own, err := rulefile.Builtin()
	if err != nil {
		return nil, fmt.Errorf("reading our own rules: %w", err)
	}
	theirs, written, err := readCustom(custom)
	if err != nil {
		return nil, err
	}
	r := &Rules{paranoia: paranoia, facts: map[int]*rule{}}
	setup := fmt.Sprintf(crsSetup, paranoia)
	requests := setup + includes(requestRules[:]) + secLang(own) + removedRules
	responses := setup + includes(responseRules[:]) + "SecMarker END-RESPONSE-959-BLOCKING-EVALUATION\n"
	sources := append([]seclang.Source{{Name: "farrier.conf", Text: requests}}, written...)
	if r.requests, err = seclang.Compile(coreruleset.FS, sources, seclang.Options{}); err != nil {
		return nil, fmt.Errorf("compiling the rules of paranoia level %d: %w", paranoia, err)
	}
	if r.responses, err = seclang.Compile(coreruleset.FS, []seclang.Source{{Name: "farrier.conf", Text: responses}}, seclang.Options{Phases: []int{3, 4}}); err != nil {
		return nil, fmt.Errorf("compiling the rules of responses: %w", err)
	}
	r.digest, err = rulesDigest(requests, responses, written)
	r.collectFacts(append(own, theirs...))
	return r, err
}

func includes(files []string) string {
	var b strings.Builder
	for _, name := range files {
		b.WriteString("Include @owasp_crs/" + name + ".conf\n")
	}
	return b.String()
}

func secLang(rules []*rulefile.Rule) string {
	var b strings.Builder
	for _, r := range rules {
		b.WriteString(r.SecLang(r.Number))
	}
	return b.String()
}

// readCustom reads the files of operators: their YAML rules, and all of them as
// SecLang.
func readCustom(custom []Source) (rules []*rulefile.Rule, sources []seclang.Source, err error) {
	var problems []error
	for _, c := range custom {
		switch strings.ToLower(path.Ext(c.Name)) {
		case ".yaml", ".yml":
			one, err := rulefile.Parse(c.Name, []byte(c.Text))
			if err != nil {
				problems = append(problems, err)
				continue
			}
			one.Number = firstCustom + len(rules)*rulefile.Stride
			rules = append(rules, one)
			sources = append(sources, seclang.Source{Name: c.Name, Text: one.SecLang(one.Number)})
		default:
			sources = append(sources, seclang.Source(c))
		}
	}
	return rules, sources, errors.Join(problems...)
}

// collectFacts prepares what findings say of each rule that adds to the score.
func (r *Rules) collectFacts(files []*rulefile.Rule) {
	ours := map[int]*rulefile.Rule{}
	for _, f := range files {
		for i := range rulefile.Stride {
			ours[f.Number+i] = f
		}
	}
	for _, set := range []*seclang.Set{r.requests, r.responses} {
		for _, meta := range set.Rules() {
			switch own := ours[meta.ID]; {
			case own != nil:
				r.facts[meta.ID] = &rule{
					name: own.Name, title: own.Title, severity: own.Severity, points: own.Points(),
					tags:   []string{own.Class.Tag},
					attack: &attack{own.Class.Tag, own.Class.RunsCode, own.Class.Taxonomy, own.Fix},
				}
			case meta.Severity != "" && (meta.ID < 901000 || meta.ID >= 910000):
				r.facts[meta.ID] = secLangRule(meta)
			}
			if f := r.facts[meta.ID]; f != nil {
				f.content = contentVersion(meta.File)
			}
		}
	}
}

// contentVersion is the version in the name of a file of installed content,
// "content/2026.11.22-1/rules/x.yaml".
func contentVersion(file string) string {
	rest, ok := strings.CutPrefix(file, "content/")
	version, _, more := strings.Cut(rest, "/")
	if !ok || !more {
		return ""
	}
	return version
}

// secLangRule is what a rule of the set, or one that an operator wrote in its
// language, says of itself.
func secLangRule(meta *seclang.Rule) *rule {
	c := &rule{id: meta.ID, name: fmt.Sprintf("crs-%d", meta.ID), title: meta.Message, tags: meta.Tags}
	if meta.ID < 910000 || meta.ID > 999999 {
		c.name = fmt.Sprintf("custom-%d", meta.ID)
	}
	if c.title == "" {
		c.title = "Rule " + c.name
	}
	c.attack = attackOf(meta.ID, c.tags)
	c.severity, c.points = severity(meta.Severity, c.attack)
	return c
}

// severity translates a severity of SecLang and gives the points that the Core
// Rule Set counts for it.
func severity(s string, a *attack) (finding.Severity, int) {
	switch strings.ToUpper(s) {
	case "EMERGENCY", "ALERT", "CRITICAL", "0", "1", "2":
		if a.runsCode {
			return finding.Critical, 5
		}
		return finding.High, 5
	case "ERROR", "3":
		return finding.High, 4
	case "WARNING", "4":
		return finding.Medium, 3
	case "NOTICE", "5":
		return finding.Low, 2
	}
	return finding.Info, 0
}

// rulesDigest covers the directives and every file that they may include.
func rulesDigest(requests, responses string, custom []seclang.Source) (string, error) {
	h := sha256.New()
	for _, s := range append(custom, seclang.Source{Text: requests}, seclang.Source{Text: responses}) {
		_, _ = fmt.Fprintf(h, "%q %d\n%s", s.Name, len(s.Text), s.Text)
	}
	err := fs.WalkDir(coreruleset.FS, "@owasp_crs", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(coreruleset.FS, name)
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(h, "%s %d\n", name, len(text))
		_, _ = h.Write(text)
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("reading the rules: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Stats tell what the automata of the rules remember.
func (r *Rules) Stats() seclang.Stats {
	sum, more := r.requests.Stats(), r.responses.Stats()
	sum.Automata += more.Automata
	sum.States += more.States
	sum.Bytes += more.Bytes
	sum.Cap += more.Cap
	sum.Flushes += more.Flushes
	return sum
}
