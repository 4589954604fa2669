package governance

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
	rules "farrier.dev/farrier/internal/governance"
	"farrier.dev/farrier/internal/governance/history"
	"farrier.dev/farrier/internal/revision"
)

// Standing is how one API stands to one profile.
type Standing = history.Standing

// Overview is how all APIs stand.
type Overview struct {
	Profiles []ProfileView
	APIs     []history.Standing
	// Course are the last days, oldest first.
	Course []Day
	// Broken is why the profiles as they are written do not hold; empty when they do.
	Broken string
}

// ProfileView is a profile with how its APIs stand.
type ProfileView struct {
	*rules.Profile
	// Counts are the APIs by status.
	Counts map[rules.Status]int
	// Healthy tells that more than 70 % of its APIs conform.
	Healthy bool
}

// Day is how many APIs stood how at the end of a day.
type Day struct {
	Day                               time.Time
	Conformant, NonConformant, Failed int
	// Score is the mean of all scores.
	Score int
}

// healthy is the share of conformant APIs, in percent, above which a profile is
// called healthy.
const healthy = 70

// Overview gives how all APIs stand, and how they stood in the last days.
func (s *Service) Overview(ctx context.Context, p control.Principal, days int) (*Overview, error) {
	profiles, broken, err := s.Profiles(p)
	if err != nil {
		return nil, err
	}
	memory, err := s.memory()
	if err != nil {
		return nil, err
	}
	o := &Overview{}
	if broken != nil {
		o.Broken = broken.Error()
	}
	if o.APIs, err = memory.Standings(ctx); err != nil {
		return nil, err
	}
	counts := map[string]map[rules.Status]int{}
	for _, one := range profiles {
		counts[one.Name] = map[rules.Status]int{}
	}
	for i := range o.APIs {
		if of := counts[o.APIs[i].Profile]; of != nil {
			of[o.APIs[i].Status]++
		}
	}
	for _, one := range profiles {
		v := ProfileView{Profile: one, Counts: counts[one.Name]}
		good, all := v.Counts[rules.Conformant], 0
		for status, n := range v.Counts {
			if status != rules.NotApplicable {
				all += n
			}
		}
		v.Healthy = all == 0 || 100*good > healthy*all
		o.Profiles = append(o.Profiles, v)
	}
	sums, err := memory.Days(ctx, days)
	if err != nil {
		return nil, err
	}
	o.Course = byDay(sums, s.o.Now(), days)
	return o, nil
}

// byDay are the last days, those on which nothing was judged as the day before.
func byDay(sums []history.Sum, now time.Time, days int) []Day {
	out := make([]Day, days)
	today := now.UTC().Truncate(24 * time.Hour)
	for i := range out {
		day := today.AddDate(0, 0, i+1-days)
		one, next := Day{Day: day}, 0
		if i > 0 {
			one = out[i-1]
			one.Day = day
		}
		for ; next < len(sums) && !sums[next].Day.After(day); next++ {
			sum := &sums[next]
			one.Conformant, one.NonConformant, one.Failed, one.Score = sum.APIs[rules.Conformant], sum.APIs[rules.NonConformant], sum.APIs[rules.Failed]+sum.APIs[rules.Pending], sum.Score
		}
		sums = sums[next:]
		out[i] = one
	}
	return out
}

// APIReport is how one API stands to one profile, with the description.
type APIReport struct {
	history.Standing
	Kept
	Course []history.Point
	// Profiles are the names of all profiles that say something of the API.
	Profiles []string
	// Files are the files of the description in which something is found, the main
	// file first.
	Files []File
}

// File is a file of a description with what was found on its lines.
type File struct {
	Name  string
	Lines []string
	// Cut tells that the file is longer than is shown.
	Cut bool
	// Missing tells why there is no text.
	Missing string
}

// The bounds of what is shown of a description: files, the bytes of each, and the
// lines of each.
const (
	maxFiles = 20
	maxShown = 1 << 20
	maxLines = 20_000
)

// API gives the report of an API; with an empty profile that of the first that
// applies. An API that nobody judged yet is control.ErrNotFound.
func (s *Service) API(ctx context.Context, p control.Principal, api, profile string) (*APIReport, error) {
	if err := control.Authorise(p, access.ViewGovernance, s.o.Where.At()); err != nil {
		return nil, err
	}
	memory, err := s.memory()
	if err != nil {
		return nil, err
	}
	r := &APIReport{}
	standings, err := memory.StandingsOf(ctx, api)
	if err != nil {
		return nil, err
	}
	for i := range standings {
		one := &standings[i]
		r.Profiles = append(r.Profiles, one.Profile)
		if profile == "" && one.Status != rules.NotApplicable {
			profile = one.Profile
		}
	}
	if profile == "" && len(r.Profiles) > 0 {
		profile = r.Profiles[0]
	}
	standing, err := memory.Report(ctx, api, profile, &r.Kept)
	if errors.Is(err, history.ErrNotFound) {
		return nil, control.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	r.Standing = *standing
	if r.Course, err = memory.Course(ctx, api, s.o.Now().AddDate(0, -3, 0)); err != nil {
		return nil, err
	}
	r.Course = slices.DeleteFunc(r.Course, func(c history.Point) bool { return c.Profile != profile })
	r.Files = s.files(api, &r.Kept)
	return r, nil
}

// manifestsOf are the files that a revision was written in, which hold secrets.
func manifestsOf(rev *revision.Revision) map[string]bool {
	out := map[string]bool{}
	for i := range rev.APIs {
		a := &rev.APIs[i]
		out[filepath.Clean(a.Source.File)] = true
		for _, b := range a.Policies {
			out[filepath.Clean(b.Source.File)] = true
		}
		for _, c := range a.Clients {
			out[filepath.Clean(c.Source.File)] = true
		}
	}
	for i := range rev.Services {
		out[filepath.Clean(rev.Services[i].Source.File)] = true
		for _, b := range rev.Services[i].Policies {
			out[filepath.Clean(b.Source.File)] = true
		}
	}
	return out
}

// files reads the files of a description that findings point at. Only what the
// API itself names is read, and what lies beside or below it.
func (s *Service) files(api string, k *Kept) []File {
	main, rev := "", s.o.Serving()
	if rev == nil {
		return nil
	}
	for i := range rev.APIs {
		if rev.APIs[i].Name.String() == api && rev.APIs[i].Specification != nil {
			main = rev.APIs[i].Specification.File
		}
	}
	manifests := manifestsOf(rev)
	if main == "" || manifests[filepath.Clean(main)] {
		return nil
	}
	root, err := os.OpenRoot(filepath.Dir(main))
	if err != nil {
		return []File{{Name: main, Missing: "the folder can't be read"}}
	}
	defer root.Close() //nolint:errcheck // it was only read
	names := []string{main}
	for i := range k.Violations {
		if name := k.Violations[i].Location.File; slices.Contains(k.Files, name) && !manifests[filepath.Clean(name)] && !slices.Contains(names, name) && len(names) < maxFiles {
			names = append(names, name)
		}
	}
	var out []File
	for _, name := range names {
		below, err := filepath.Rel(filepath.Dir(main), name)
		if err != nil || !filepath.IsLocal(below) {
			continue // a manifest, not the description
		}
		out = append(out, shown(root, name, below))
	}
	return out
}

// shown is a file of a folder as it is shown.
func shown(root *os.Root, name, below string) File {
	out := File{Name: name, Missing: "the file can't be read"}
	// Opening a pipe would wait for who writes into it.
	if info, err := root.Stat(below); err != nil || !info.Mode().IsRegular() {
		return out
	}
	f, err := root.Open(below)
	if err != nil {
		return out
	}
	defer f.Close() //nolint:errcheck // it was only read
	text, err := io.ReadAll(io.LimitReader(f, maxShown+1))
	if err != nil {
		return out
	}
	out.Missing, out.Cut = "", len(text) > maxShown
	out.Lines = strings.SplitN(strings.ToValidUTF8(string(text[:min(len(text), maxShown)]), "\uFFFD"), "\n", maxLines+1)
	if len(out.Lines) > maxLines {
		out.Lines, out.Cut = out.Lines[:maxLines], true
	}
	return out
}
