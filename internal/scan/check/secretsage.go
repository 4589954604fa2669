package check

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"farrier.dev/farrier/internal/mule"
)

var (
	ownerWords = regexp.MustCompile(`(?i)\bowner\s*[:=]\s*([^,;|\r\n]{1,80})`)
	agedWords  = regexp.MustCompile(`(?i)\b(?:rotated|created|issued|changed|since)(?:\s+on)?\s*[:=]?\s*(\d{4}-\d{2}-\d{2})`)
	endsWords  = regexp.MustCompile(`(?i)\b(?:expires?|expiry|valid\s+until|valid\s+to|rotate\s+by|due)(?:\s+on)?\s*[:=]?\s*(\d{4}-\d{2}-\d{2})`)
)

// note is what stands in the comments right above a property, or behind its value.
func note(p *mule.Property) string {
	text := p.File.Text
	if p.NameOffset < 0 || p.NameOffset > len(text) || p.Global {
		return ""
	}
	begin := strings.LastIndexByte(string(text[max(0, p.NameOffset-2000):p.NameOffset]), '\n') + 1 + max(0, p.NameOffset-2000)
	var lines []string
	above := strings.Split(string(text[max(0, begin-1000):begin]), "\n")
	for i := len(above) - 2; i >= 0 && len(lines) < 5; i-- {
		line := strings.TrimSpace(above[i])
		if !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "!") {
			break
		}
		lines = append(lines, line)
	}
	behind := string(text[min(p.End, len(text)):min(p.End+200, len(text))])
	if line, _, _ := strings.Cut(behind, "\n"); strings.Contains(line, "#") && !strings.HasSuffix(p.File.Name, ".properties") {
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// ownedBy tells who owns a credential, where its comment says so.
func ownedBy(p *mule.Property) string {
	if m := ownerWords.FindStringSubmatch(note(p)); m != nil {
		return "; its owner is " + strings.TrimSpace(m[1])
	}
	return ""
}

// credentialOverdue finds credentials that are older than they may be, where the
// comment above them tells their age.
func credentialOverdue(c *Context) {
	if c.Now.IsZero() {
		return
	}
	days, err := strconv.Atoi(c.Options["days"])
	if err != nil || days < 1 {
		days = 365
	}
	for _, p := range properties(c) {
		if secretStrength(p.Name) == noSecret || p.File.Test {
			continue
		}
		text := note(p)
		message := ""
		if m := endsWords.FindStringSubmatch(text); m != nil {
			if end, err := time.Parse(time.DateOnly, m[1]); err == nil && end.Before(c.Now) {
				message = p.Name + " was to be replaced by " + m[1]
			}
		} else if m := agedWords.FindStringSubmatch(text); m != nil {
			if at, err := time.Parse(time.DateOnly, m[1]); err == nil && at.AddDate(0, 0, days).Before(c.Now) {
				message = p.Name + " is unchanged since " + m[1] + ", for more than " + strconv.Itoa(days) + " days"
			}
		}
		if message != "" {
			c.Report(Report{Place: propertyPlace(p, 0, len(p.Value)), Message: message + ownedBy(p), Detail: p.Name})
		}
	}
}
