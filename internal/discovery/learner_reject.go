package discovery

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/discovery/template"
)

// The reasons for which a call teaches no new operation.
const (
	rejectAttack     = "attack"
	rejectRefused    = "refused by a policy"
	rejectMethod     = "method"
	rejectPath       = "path"
	rejectHost       = "host"
	rejectStatus     = "status"
	rejectNotFound   = "not found"
	rejectUnknown    = "status unknown"
	rejectHead       = "HEAD"
	rejectStatic     = "static file"
	rejectSpray      = "source sprays"
	rejectDecoy      = "answers everything"
	rejectErrors     = "errors in the answer"
	rejectHosts      = "too many hosts"
	rejectCandidates = "too many candidates"
	rejectOperations = "too many operations"
	rejectNames      = "too many names"
	rejectEvicted    = "evicted"
	rejectIgnored    = "ignored by an operator"
)

// sentence says a reason in words.
func sentence(reason string) string {
	switch reason {
	case rejectAttack:
		return "The request held an attack or came from somebody who attacks; such requests teach nothing."
	case rejectRefused:
		return "A policy or the gateway refused the request, so nothing is known of the operation behind it."
	case rejectMethod:
		return "TRACE, CONNECT and malformed methods make no operation, nor does OPTIONS without content in its answer: so do browsers ask beforehand."
	case rejectPath:
		return "The path is too long or too deep, or holds an unfilled template."
	case rejectHost:
		return "The host name is malformed."
	case rejectStatus:
		return "It was answered by neither 2xx nor 3xx."
	case rejectNotFound:
		return "It was answered by 404: there is nothing."
	case rejectUnknown:
		return "The source did not see how it was answered."
	case rejectHead:
		return fmt.Sprintf("HEAD belongs to GET. It is an operation of its own only where there were %d calls of it and none of GET.", headsNeeded)
	case rejectStatic:
		return "By its extension it is a static file, and the answer was neither JSON nor XML."
	case rejectSpray:
		return fmt.Sprintf("Its source asked for %d or more different paths that do not exist within %s; for %s it teaches nothing, and what it alone had taught was forgotten.", SprayMisses, SprayWindow, SprayBan)
	case rejectDecoy:
		return "The host answers paths that nobody serves as if they existed; here an operation needs two different sources, or a description."
	case rejectErrors:
		return "The answer carries errors and no data, so the operation may not exist."
	case rejectHosts:
		return "There are more hosts than are told apart."
	case rejectCandidates:
		return "There were more candidates than are kept."
	case rejectOperations:
		return "There are more operations than one gateway lists."
	case rejectNames:
		return "The path has more named operations or versions than are kept."
	case rejectEvicted:
		return "It was a candidate, and made room for newer ones of other sources."
	case rejectIgnored:
		return "An operator decided that it is no operation."
	}
	return "It teaches nothing: " + reason + "."
}

// unfit says why a call can't be looked at at all; empty when it can.
func unfit(o *Observation) string {
	if !fitMethod(o.Method) || o.Method == http.MethodOptions && !asks(o) {
		return rejectMethod
	}
	if !template.Fits(o.Path) || strings.ContainsAny(o.Path, "{}") {
		return rejectPath
	}
	if !fitHost(o.Host) {
		return rejectHost
	}
	return ""
}

// asks tells an OPTIONS that is an operation from one that browsers send before a
// request (Fetch, §4.8) and from one that only asks for the methods: its answer has
// content. An observation that is not looked into shows none.
func asks(o *Observation) bool {
	h := o.Request.Header
	if h == nil || h.Get("access-control-request-method") != "" {
		return false
	}
	if !o.Sampled {
		return true // unwelcome holds it back where no such operation is known
	}
	return len(o.Response.Body) > 0 || o.Response.Unseen
}

func fitMethod(m string) bool {
	if m == "" || len(m) > 16 || m == "TRACE" || m == "CONNECT" {
		return false
	}
	for i := range len(m) {
		if c := m[i]; (c < 'A' || c > 'Z') && c != '-' {
			return false
		}
	}
	return true
}

func fitHost(h string) bool {
	if len(h) > 253 {
		return false
	}
	for i := range len(h) {
		if c := h[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && !strings.ContainsRune(".-_:[]*%", rune(c)) {
			return false
		}
	}
	return true
}

// unwelcome says why a call makes no candidate.
func (l *Learner) unwelcome(c *call, node *template.Node) string {
	switch {
	case c.Attack:
		return rejectAttack
	case c.Refused:
		return rejectRefused
	case c.Status == 404 || c.Status == 410:
		return rejectNotFound
	case c.method == "OPTIONS" && !c.Sampled:
		return rejectMethod
	case c.Status == 0 && !c.good:
		return rejectUnknown
	case !c.good && c.faulty():
		return rejectErrors
	case !c.good:
		return rejectStatus
	case c.source.bannedAt(c.at):
		return rejectSpray
	case l.ignored(c):
		return rejectIgnored
	case node != nil && node.Describes(c.method):
		return ""
	case isStatic(c.Path) && !c.isData() && !l.isPage(c.Path):
		return rejectStatic
	case c.host.decoys.hit(l, c):
		return rejectDecoy
	}
	return ""
}

// isStatic tells paths that end like files of pages.
func isStatic(path string) bool {
	last := path[strings.LastIndexByte(path, '/')+1:]
	dot := strings.LastIndexByte(last, '.')
	if dot < 0 {
		return false
	}
	switch strings.ToLower(last[dot+1:]) {
	case "css", "js", "mjs", "map", "png", "jpg", "jpeg", "gif", "svg", "ico", "webp", "avif", "bmp", "woff", "woff2",
		"ttf", "otf", "eot", "html", "htm", "mp3", "mp4", "webm", "ogg", "wasm", "swf", "txt", "webmanifest":
		return true
	}
	return false
}

// isPage tells pages and texts of a single thing: what an identifier in the path names
// is no static file.
func (l *Learner) isPage(path string) bool {
	dir, last, _ := cutLast(path)
	switch {
	case strings.HasSuffix(last, ".html"), strings.HasSuffix(last, ".htm"), strings.HasSuffix(last, ".txt"):
	default:
		return false
	}
	for segment := range strings.SplitSeq(dir, "/") {
		if k, _ := l.words.Classify(segment, 1); segment != "" && k.Value() {
			return true
		}
	}
	return false
}

// cutLast parts a path before its last segment.
func cutLast(path string) (dir, last string, found bool) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return "", path, false
	}
	return path[:i], path[i+1:], true
}

// rejection is what is remembered of paths that are not listed.
type rejection struct {
	reason string
	count  uint64
	last   time.Time
	// good is the number of good calls that a candidate had when it was dropped.
	good uint64
}

type rejectKey struct{ method, host, path string }

// rejections are the last MaxRejected of them. Those of banned sources have a ring of
// their own, so that a spray does not wash the others away.
type rejections struct {
	all         map[rejectKey]*rejection
	ring, spray []rejectKey
	next, turn  int
}

const maxSprayed = MaxRejected / 8

// reject counts a call that teaches nothing and remembers why.
func (l *Learner) reject(c *call, reason string) {
	l.reasons[reason]++
	if len(c.Path) > 512 || len(c.Host) > 253 || len(c.method) > 16 || c.Path == "" {
		return
	}
	name := c.Host
	if name == "" {
		name = "*"
	}
	l.rejected.note(rejectKey{c.method, name, c.Path}, reason, c.at, 0, c.source.bannedAt(c.at))
}

// tell remembers why a candidate was dropped.
func (l *Learner) tell(k Key, reason string, op *Operation) {
	l.reasons[reason]++
	var last time.Time
	var good uint64
	if op != nil {
		last, good = op.Last, op.Good
	}
	l.rejected.note(rejectKey{k.Method, k.Host, k.Path}, reason, last, good, reason == rejectSpray)
}

func (r *rejections) note(k rejectKey, reason string, at time.Time, good uint64, sprayed bool) {
	if old := r.all[k]; old != nil {
		old.reason, old.last, old.good = reason, at, max(old.good, good)
		old.count++
		return
	}
	if r.all == nil {
		r.all = make(map[rejectKey]*rejection)
	}
	k = rejectKey{strings.Clone(k.method), strings.Clone(k.host), strings.Clone(k.path)}
	ring, at2, most := &r.ring, &r.next, MaxRejected-maxSprayed
	if sprayed {
		ring, at2, most = &r.spray, &r.turn, maxSprayed
	}
	if len(*ring) < most {
		*ring = append(*ring, k)
	} else {
		delete(r.all, (*ring)[*at2])
		(*ring)[*at2] = k
		*at2 = (*at2 + 1) % most
	}
	r.all[k] = &rejection{reason: reason, count: 1, last: at, good: good}
}

// Explain answers why a path is not listed, or that it is.
func (l *Learner) Explain(method, hostName, path string) Explanation {
	l.mu.Lock()
	defer l.mu.Unlock()
	method = strings.ToUpper(method)
	if path == "" || path[0] != '/' {
		path = "/" + path
	}
	if len(path) > 4096 {
		return Explanation{Reasons: []string{sentence(rejectPath)}}
	}
	hosts := []string{hostName}
	if hostName == "" {
		hosts = l.hostNames()
	}
	for _, name := range hosts {
		if h := l.hosts[name]; h != nil && template.Fits(path) {
			if e := l.lookUp(h, method, path); e != nil {
				return l.explain(e)
			}
		}
	}
	out := Explanation{Missing: l.missing(0, 0)}
	for _, name := range hosts {
		if r := l.rejected.all[rejectKey{method, name, path}]; r != nil {
			out.Reasons = append(out.Reasons, sentence(r.reason))
			if r.good > 0 {
				out.Reasons = append(out.Reasons, fmt.Sprintf("As a candidate it had %d good calls.", r.good))
			}
			out.Reasons = append(out.Reasons, fmt.Sprintf("This was so %d times, the last time at %s.", r.count, r.last.UTC().Format(time.RFC3339)))
			return out
		}
	}
	if why := unfit(&Observation{Method: method, Host: hosts[0], Path: path}); why != "" {
		out.Reasons = append(out.Reasons, sentence(why))
	} else {
		out.Reasons = append(out.Reasons, "No call of it is remembered.")
	}
	return out
}

// lookUp finds the entry of a concrete path, or of a template as it is listed.
func (l *Learner) lookUp(h *host, method, path string) *entry {
	if strings.Contains(path, "{") {
		return l.entries[Key{Host: h.name, Method: method, Path: path}]
	}
	s := spotOf(h.tree.Find(template.Call{Method: method, Path: path}))
	if s == nil {
		return nil
	}
	var best *entry
	for _, e := range s.entries {
		if e.key.Method == method && (best == nil || e.listed && !best.listed || e.listed == best.listed && e.key.compare(best.key) < 0) {
			best = e
		}
	}
	return best
}

func (l *Learner) explain(e *entry) Explanation {
	if !l.heat(e) {
		return Explanation{Listed: e.listed, Reasons: []string{"It is listed as " + e.key.String() + ". What was learned of it can't be read now."}}
	}
	out := Explanation{Listed: e.listed, Operation: e.op.Clone()}
	if e.listed {
		out.Reasons = []string{"It is listed as " + e.key.String() + ", by " + e.op.By + "."}
		return out
	}
	out.Reasons = []string{fmt.Sprintf("It is a candidate with %d good calls in %d different minutes.", e.op.Good, len(e.op.Minutes))}
	if why := l.waitsFor(e); why != "" {
		out.Reasons = append(out.Reasons, why)
	}
	out.Missing = l.missing(e.op.Good, len(e.op.Minutes))
	return out
}

func (l *Learner) missing(good uint64, minutes int) []string {
	var all []string
	need := uint64(max(0, l.limits.AcceptRequests)) // #nosec G115 -- not negative
	if good < need {
		all = append(all, fmt.Sprintf("%d more good calls (2xx or 3xx)", need-good))
	}
	if minutes < l.limits.AcceptMinutes {
		all = append(all, fmt.Sprintf("good calls in %d more different minutes", l.limits.AcceptMinutes-minutes))
	}
	return all
}

// ignored says whether an operator decided that a path is no operation.
func (l *Learner) ignored(c *call) bool {
	return slices.ContainsFunc(l.edits, func(e Edit) bool {
		return e.Kind == "ignore" && (e.Host == "" || e.Host == c.host.name) && (e.Method == "" || e.Method == c.method) && covers(e.Path, c.Path)
	})
}

// covers says whether a path has a template.
func covers(tmpl, path string) bool {
	a, b := strings.Split(strings.Trim(tmpl, "/"), "/"), strings.Split(strings.Trim(path, "/"), "/")
	return len(a) == len(b) && !slices.ContainsFunc(indexes(len(a)), func(i int) bool {
		return a[i] != b[i] && !strings.Contains(a[i], "{")
	})
}

func indexes(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}
