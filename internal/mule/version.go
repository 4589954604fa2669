package mule

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Runtime is a version of the Mule runtime.
type Runtime struct {
	// Text is how it was written.
	Text string
	// Major, Minor and Patch are its numbers; Patch is -1 where a version names a
	// line only, as "4.6".
	Major, Minor, Patch int
	// Date is that of the patch, as 20250919 in "4.4.0-20250919"; Hotfix the number
	// behind "hf" in "4.2.2-hf5". They are 0 where there is none.
	Date, Hotfix int
	// Edge and Java are what the names of CloudHub 2 say, as "4.9.0:4e-java17".
	Edge bool
	Java int
	// Preview says that it is no release: a snapshot or a release candidate.
	Preview bool
}

var runtimeForm = regexp.MustCompile(`(?i)^v?(\d{1,3})\.(\d{1,3})(?:\.(\d{1,3}|x))?(?:[-:]([a-z0-9][a-z0-9.-]{0,40}))?$`)

var runtimeSuffix = regexp.MustCompile(`(?i)^(?:hf(\d{1,3})|(20\d{6})(?:-\d+)?|(\d{1,4})(e?)(?:-java(\d{1,2}))?|java(\d{1,2})|(rc.*|snapshot|am.*|beta.*|m\d+|.*-snapshot))$`)

// ParseRuntime reads a version of the runtime: "4.9", "4.4.0", "4.4.0-20250919",
// "4.2.2-hf5", "4.9.0:4e-java17". Suffixes that it does not know count as none.
func ParseRuntime(text string) (Runtime, error) {
	m := runtimeForm.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return Runtime{}, fmt.Errorf("%.40q is no version of the Mule runtime, such as 4.9.0 or 4.4.0-20250919", text)
	}
	r := Runtime{Text: strings.TrimSpace(text), Major: number(m[1]), Minor: number(m[2]), Patch: -1}
	if m[3] != "" && m[3] != "x" && m[3] != "X" {
		r.Patch = number(m[3])
	}
	if s := runtimeSuffix.FindStringSubmatch(m[4]); s != nil {
		r.Hotfix, r.Date, r.Edge = number(s[1]), number(s[2]), s[4] != ""
		r.Java, r.Preview = max(number(s[5]), number(s[6])), s[7] != ""
	}
	return r, nil
}

// number is the value of some digits, 0 for none.
func number(digits string) int {
	n, err := strconv.Atoi(digits)
	if err != nil {
		return 0
	}
	return n
}

// Line is the minor version, as "4.9".
func (r Runtime) Line() string { return strconv.Itoa(r.Major) + "." + strconv.Itoa(r.Minor) }

// Released is the day of a date patch; the zero time where the version names none.
func (r Runtime) Released() time.Time {
	day, err := time.Parse("20060102", strconv.Itoa(r.Date))
	if err != nil {
		return time.Time{}
	}
	return day
}

// Compare orders versions by numbers, hot fix and date: -1 where r is the older
// one. A line without a patch comes before all of its patches.
func (r Runtime) Compare(o Runtime) int {
	return cmp.Or(cmp.Compare(r.Major, o.Major), cmp.Compare(r.Minor, o.Minor), cmp.Compare(r.Patch, o.Patch),
		cmp.Compare(r.Hotfix, o.Hotfix), cmp.Compare(r.Date, o.Date))
}

// String is the version as it was written.
func (r Runtime) String() string { return r.Text }
