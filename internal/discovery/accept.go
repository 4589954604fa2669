package discovery

import (
	"bytes"
	"net/http"
	"strings"
	"time"
)

// minutesKept is how many different minutes of good calls an operation remembers.
const minutesKept = 4

// headsNeeded is how many good calls list a HEAD whose path nobody asked for by GET.
const headsNeeded = 20

// consider lists a candidate when it may be.
func (l *Learner) consider(e *entry, at time.Time) {
	if e.listed {
		return
	}
	if by := l.named(e); by != "" {
		if e.op.Good > 0 {
			l.list(e, at, by)
		}
		return
	}
	if l.waitsFor(e) != "" {
		return
	}
	if l.enough(e.op.Good, e.op.Minutes) {
		l.list(e, at, "traffic")
		return
	}
	l.considerVersions(e, at)
}

// considerVersions lists the version that was called most when all versions of an
// operation together have enough calls, and none is listed yet.
func (l *Learner) considerVersions(e *entry, at time.Time) {
	s := spotOf(e.node)
	if s == nil || len(s.entries) < 2 || len(s.entries) > 32 {
		return
	}
	var good uint64
	var minutes []int64
	best := e
	versions := 0
	for _, o := range s.entries {
		if o.key.Method != e.key.Method || o.key.Name != e.key.Name || o.op == nil {
			continue
		}
		if o.listed {
			return
		}
		versions++
		good += o.op.Good
		minutes = unionMinutes(minutes, o.op.Minutes)
		if o.op.Good > best.op.Good || o.op.Good == best.op.Good && o.key.Version < best.key.Version {
			best = o
		}
	}
	if versions > 1 && l.enough(good, minutes) && l.waitsFor(best) == "" {
		l.list(best, at, "traffic")
	}
}

func (l *Learner) enough(good uint64, minutes []int64) bool {
	return good >= uint64(l.limits.AcceptRequests) && len(minutes) >= l.limits.AcceptMinutes // #nosec G115 -- limits are positive
}

// waitsFor says what else a candidate waits for than calls.
func (l *Learner) waitsFor(e *entry) string {
	switch {
	case e.key.Method == http.MethodHead && e.op.Good < headsNeeded:
		return sentence(rejectHead)
	case e.source.bannedAt(e.op.Last) && !e.others:
		return sentence(rejectSpray)
	case e.host.decoys.caught && !e.others:
		return sentence(rejectDecoy)
	}
	return ""
}

// named tells who names the operation: an operator, a specification, a project.
func (l *Learner) named(e *entry) string {
	for i := range l.edits {
		if d := &l.edits[i]; d.Kind == "list" && (d.Host == "" || d.Host == e.key.Host) && (d.Method == "" || d.Method == e.key.Method) && (d.Path == e.key.Path || covers(d.Path, e.key.Path)) {
			return "operator"
		}
	}
	if !e.node.Describes(e.key.Method) {
		return ""
	}
	return l.origin(e)
}

// list accepts an operation into the inventory.
func (l *Learner) list(e *entry, at time.Time, by string) {
	if e.listed {
		return
	}
	if l.listed >= l.limits.Operations {
		l.overflow++
		l.tell(e.key, rejectOperations, e.op)
		return
	}
	l.weigh(e, -e.size)
	e.listed = true
	l.weigh(e, e.size)
	l.waiting--
	l.listed++
	e.host.waiting--
	e.host.listed++
	l.sources.disown(e)
	e.source = nil
	if e.op.Listed.IsZero() || at.Before(e.op.Listed) {
		e.op.Listed = at
	}
	e.op.By = by
	e.op.change(at, "listed", "", "by "+by)
	l.used(e)
	l.touch(e)
}

// decoys tell a server that answers paths that nobody serves: what scanners ask for.
type decoys struct {
	// asked are the hashes of such paths that were answered well, until it is caught.
	asked  [decoysNeeded]uint64
	n      int
	caught bool
	// answers are the hashes of what it said then.
	answers  [4]uint64
	answered int
}

// decoysNeeded is how many different ones convict a server.
const decoysNeeded = 3

// hit says whether a good answer is one that the server gives to everything.
func (d *decoys) hit(l *Learner, c *call) bool {
	body := uint64(0)
	if len(c.Response.Body) > 0 && !c.Response.Partial {
		body = l.looker.Hash(string(c.Response.Body[:min(len(c.Response.Body), 2048)]))
	}
	if !isDecoy(c.Path) {
		return d.caught && body != 0 && containsHash(d.answers[:d.answered], body)
	}
	if body != 0 && d.answered < len(d.answers) && !containsHash(d.answers[:d.answered], body) {
		d.answers[d.answered] = body
		d.answered++
	}
	if h := l.looker.Hash(c.Path); !d.caught && !containsHash(d.asked[:d.n], h) {
		d.asked[d.n] = h
		d.n++
		d.caught = d.n == decoysNeeded
	}
	return true
}

func containsHash(all []uint64, h uint64) bool {
	for _, a := range all {
		if a == h {
			return true
		}
	}
	return false
}

// isDecoy tells paths that scanners ask every server for.
func isDecoy(path string) bool {
	lower := strings.ToLower(path)
	for _, part := range [...]string{
		"/.env", "/.git/", "/.svn/", "/.aws/", "/.ssh/", "/.htaccess", "/.htpasswd", "/.ds_store", "/wp-login", "/wp-admin", "/wp-content/",
		"/wp-includes/", "/xmlrpc.php", "/phpmyadmin", "/phpinfo", "/cgi-bin/", "/etc/passwd", "/web.config", "/server-status", "/id_rsa",
		"/config.php", "/boaform", "/vendor/phpunit", "/hnap1", "/manager/html", "/owa/auth", "/_ignition/", "/telescope/requests",
	} {
		if strings.Contains(lower, part) {
			return true
		}
	}
	for _, ending := range [...]string{".bak", ".old", ".swp", ".sql", ".tar.gz", "~", ".orig", ".env"} {
		if strings.HasSuffix(lower, ending) {
			return true
		}
	}
	return false
}

// faulty says that an answer that looks well tells of errors alone: those of GraphQL
// and JSON-RPC.
func (c *call) faulty() bool {
	switch c.protocol {
	case GraphQL:
		b := c.Response.Body
		return bytes.Contains(b, []byte(`"errors"`)) && (!bytes.Contains(b, []byte(`"data"`)) || bytes.Contains(compact(b), []byte(`"data":null`)))
	case MCP, JSONRPC:
		b := c.Response.Body
		return bytes.Contains(b, []byte(`"error"`)) && !bytes.Contains(b, []byte(`"result"`))
	case GRPC:
		if c.Response.Header != nil {
			if status := c.Response.Header.Get("grpc-status"); status != "" && status != "0" {
				return true
			}
		}
	default:
	}
	return false
}

func compact(b []byte) []byte {
	return bytes.ReplaceAll(b[:min(len(b), 4096)], []byte(`": `), []byte(`":`))
}
