package check

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/mule"
)

// noTimeout finds calls that wait without end. Requests over HTTP have a limit of
// 10 s by default; queries have none.
func noTimeout(c *Context) {
	s := surveyOf(c)
	endless := func(v string) bool { n, err := strconv.Atoi(v); return err == nil && n <= 0 }
	s.each(func(f *mule.XMLFile, e *document.Element) {
		if (e.Is(spaceHTTP, "request") || e.Is(spaceHTTP, "request-config")) && s.where(e.Value("responseTimeout"), endless) == deployed {
			c.Report(Report{Place: c.Attribute(f, e, "responseTimeout"), Message: titled(e) + " waits forever for an answer"})
		}
	})
	s.queryTimeouts()
}

// queryTimeouts complains once for each configuration whose operations have no
// limit.
func (s *survey) queryTimeouts() {
	type group struct {
		file  *mule.XMLFile
		first *document.Element
		edits []Edit
	}
	groups := map[string]*group{}
	s.each(func(f *mule.XMLFile, e *document.Element) {
		if e.Name.Space != spaceDB || e.Value("queryTimeout") != "" || s.Project.Major != 4 {
			return
		}
		switch e.Name.Local {
		case "select", "insert", "update", "delete", "stored-procedure", "bulk-insert", "bulk-update", "bulk-delete":
		default:
			return
		}
		g := groups[e.Value("config-ref")]
		if g == nil {
			g = &group{file: f, first: e}
			groups[e.Value("config-ref")] = g
		}
		g.edits = append(g.edits, withAttribute(f, e, "queryTimeout", "30"))
	})
	for _, name := range sortedKeys(groups) {
		g := groups[name]
		s.Report(Report{
			Place: s.Element(g.file, g.first), Message: fmt.Sprintf("operations of %s without queryTimeout: %d", name, len(g.edits)),
			Repair: suggested("end queries after 30 s", g.edits...),
		})
	}
}

func retryWithoutBound(c *Context) {
	s := surveyOf(c)
	beyond := func(most int) func(string) bool {
		return func(v string) bool { n, err := strconv.Atoi(v); return err == nil && n > most }
	}
	below := func(least int) func(string) bool {
		return func(v string) bool { n, err := strconv.Atoi(v); return err == nil && n < least }
	}
	s.each(func(f *mule.XMLFile, e *document.Element) {
		switch {
		case e.Is(spaceCore, "until-successful"):
			retries, pause := e.Value("maxRetries"), e.Value("millisBetweenRetries")
			switch {
			case s.where(retries, beyond(20)) == deployed:
				c.Report(Report{Place: c.Attribute(f, e, "maxRetries"), Message: titled(e) + " tries more than 20 times", Repair: suggested("try five times", withAttribute(f, e, "maxRetries", "5"))})
			case strings.Contains(retries, "#[") && !strings.Contains(retries, "p("):
				c.Report(Report{Place: c.Attribute(f, e, "maxRetries"), Message: "data decides how often " + titled(e) + " tries"})
			case s.where(pause, below(100)) == deployed:
				c.Report(Report{Place: c.Attribute(f, e, "millisBetweenRetries"), Message: titled(e) + " hardly pauses between its tries", Repair: suggested("pause for a second", withAttribute(f, e, "millisBetweenRetries", "1000"))})
			}
		case e.Is(spaceCore, "reconnect-forever") && s.where(e.Value("frequency"), below(500)) == deployed:
			c.Report(Report{Place: c.Attribute(f, e, "frequency"), Message: ownerOf(e) + " connects anew without end and hardly pauses", Repair: suggested("pause for two seconds", withAttribute(f, e, "frequency", "2000"))})
		}
	})
}

// exposed visits the elements that requests, agents and messages can start, each
// once, with the flow that they stand in.
func (s *survey) exposed(visit func(flow *mule.Flow, e *document.Element)) {
	seen := map[*document.Element]bool{}
	for _, flow := range s.Project.Flows {
		if flow.Operation == nil && (flow.Source == nil || flow.Source.Is(spaceCore, "scheduler") || s.stopped(flow)) {
			continue
		}
		s.reach(flow, func(at *mule.Flow, e *document.Element) bool {
			if e == at.Element && seen[e] {
				return false
			}
			if !seen[e] {
				visit(at, e)
			}
			seen[e] = true
			return true
		})
	}
}

var constantList = regexp.MustCompile(`^#\[\s*(\(?\s*\d+\s+to\s+\d+|\[\s*("[^"]*"|'[^']*'|[\d.]+|,|\s)*\])`)

func unboundedWork(c *Context) {
	s := surveyOf(c)
	s.exposed(func(flow *mule.Flow, e *document.Element) {
		if !e.Is(spaceCore, "parallel-foreach") || e.Value("maxConcurrency") != "" || constantList.MatchString(e.Value("collection")) {
			return
		}
		c.Report(Report{
			Place: c.Element(flow.File, e), Message: titled(e) + " works on all elements of a list at once, however long it is",
			Repair: suggested("work on four elements at once", withAttribute(flow.File, e, "maxConcurrency", "4")),
		})
	})
}

var (
	selectsAll = regexp.MustCompile(`(?is)^\s*select\b.*\bfrom\b`)
	bounded    = regexp.MustCompile(`(?i)\bwhere\b|\blimit\b|\bfetch\s+(first|next)\b|\btop\b|\brownum\b|\b(count|max|min|sum|avg)\s*\(|\bfrom\s+dual\b|\bnext\s+value\b|\bnextval\b`)
)

func noPageLimit(c *Context) {
	s := surveyOf(c)
	s.exposed(func(flow *mule.Flow, e *document.Element) {
		text := e.Child(spaceDB, "sql").Content()
		if !e.Is(spaceDB, "select") || e.Value("maxRows") != "" || text == nil || strings.Contains(text.Value.Text, "#[") || strings.Contains(text.Value.Text, "${") {
			return
		}
		if sql := text.Value.Text; selectsAll.MatchString(sql) && !bounded.MatchString(sql) {
			c.Report(Report{
				Place: c.Element(flow.File, e), Message: titled(e) + " reads all rows of its tables",
				Repair: suggested("read at most 1000 rows", withAttribute(flow.File, e, "maxRows", "1000")),
			})
		}
	})
}

// maxStream is how many bytes a stream may hold in memory.
const maxStream = 50 << 20

func largeMemoryStream(c *Context) {
	units := map[string]int64{"BYTE": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}
	s := surveyOf(c)
	s.each(func(f *mule.XMLFile, e *document.Element) {
		if e.Name.Local != "repeatable-in-memory-stream" || e.Attr("maxBufferSize") == nil {
			return
		}
		unit, known := units[e.Value("bufferUnit")]
		if !known {
			unit = units["KB"]
		}
		large := func(v string) bool {
			n, err := strconv.ParseInt(v, 10, 40)
			return err == nil && (n <= 0 || n*unit > maxStream)
		}
		if s.where(e.Value("maxBufferSize"), large) == deployed {
			c.Report(Report{Place: c.Attribute(f, e, "maxBufferSize"), Message: "a stream may hold " + e.Value("maxBufferSize") + " " + e.Value("bufferUnit") + " in memory"})
		}
	})
}

var (
	// callerIdentity is what says who calls; callerKey what may say it in a key.
	callerIdentity = regexp.MustCompile(`(?i)attributes\.headers(\.|\[)['"]?(authorization|x-user[\w-]*|user[\w-]*|client[_-]id|cookie)|\bauthentication\.|attributes\.clientCertificate`)
	callerKey      = regexp.MustCompile(`(?i)attributes\.headers|\bauthentication\b|\bvars\b|\bpayload\b|client|^#\[\s*attributes\s*\]$`)
)

func sharedCache(c *Context) {
	s := surveyOf(c)
	s.each(func(f *mule.XMLFile, e *document.Element) {
		if !e.Is(spaceEE, "cache") {
			return
		}
		strategy := c.Project.Global(e.Value("cachingStrategy-ref"))
		if !strategy.Is(spaceEE, "object-store-caching-strategy") {
			return
		}
		key := strategy.Value("keyGenerationExpression")
		if strategy.Attr("keyGenerator-ref") != nil || callerKey.MatchString(key) || key != "" && !strings.HasPrefix(strings.TrimSpace(key), "#[") {
			return
		}
		filter := e.Value("filterExpression")
		if used := usedIdentity(e); used != "" && !callerKey.MatchString(filter) {
			c.Report(Report{
				Place:   c.Element(f, e),
				Message: "what is cached depends on " + used + ", and the key of " + strategy.Value("name") + " does not",
			})
		}
	})
}

// usedIdentity is what the elements in another use of who calls, empty for nothing.
func usedIdentity(scope *document.Element) string {
	found := ""
	scope.Walk(func(e *document.Element) bool {
		if e == scope || e.Is(spaceCore, "logger") {
			return e == scope
		}
		for i := range e.Attrs {
			if found == "" && e.Attrs[i].Name.Space == "" {
				found = callerIdentity.FindString(e.Attrs[i].Value.Text)
			}
		}
		if t := e.Content(); t != nil && found == "" {
			found = callerIdentity.FindString(t.Value.Text)
		}
		return found == ""
	})
	return found
}
