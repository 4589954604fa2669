package alert

import "testing"

func TestParseQuiet(t *testing.T) {
	cases := map[string]string{
		"22:00-06:00": "22:00-06:00", "mon-fri 22:00-06:00 Europe/Berlin critical": "mon,tue,wed,thu,fri 22:00-06:00 Europe/Berlin critical",
		" Sat,sun 00:00-00:00 ": "sun,sat 00:00-00:00", "fri-mon 20:00-08:00": "sun,mon,fri,sat 20:00-08:00",
		"": "", "mon": "", "22:00": "", "25:00-06:00": "", "mon-xyz 22:00-06:00": "", "22:00-06:00 Mars/Base": "", "22:00-06:00 UTC UTC": "", "22:00-06:00 Local": "",
	}
	for line, want := range cases {
		q, err := ParseQuiet(line)
		if (err != nil) != (want == "") || err == nil && q.String() != want {
			t.Errorf("%q: %q, %v; want %q", line, q, err, want)
		}
	}
	if t.Logf("%d lines", len(cases)); len(cases) < 12 {
		t.Error("too few lines")
	}
}

func FuzzParseQuiet(f *testing.F) {
	f.Add("mon-fri 22:00-06:00 Europe/Berlin critical")
	f.Fuzz(func(t *testing.T, line string) {
		q, err := ParseQuiet(line)
		if err != nil {
			return
		}
		if again, err := ParseQuiet(q.String()); err != nil || again.String() != q.String() {
			t.Errorf("%q is written as %q and read as %q, %v", line, q, again, err)
		}
	})
}
