package discoverytest

import (
	"crypto/sha256"
	"io"
	"maps"
	"net/http"
	"sync"
)

// Upstream is the service behind a gateway: it answers requests with what was
// drawn for them. It knows them by method, target and body, so that nothing in
// a request tells of it. Of several that are equal, the first that was expected
// is answered first. It is safe for concurrent use.
type Upstream struct {
	mu      sync.Mutex
	waiting map[[sha256.Size]byte][]answered
	unknown int
}

type answered struct {
	status int
	header http.Header
	body   []byte
}

// NewUpstream is a service that expects nothing yet.
func NewUpstream() *Upstream {
	return &Upstream{waiting: map[[sha256.Size]byte][]answered{}}
}

func identity(method, target string, body []byte) [sha256.Size]byte {
	h := sha256.New()
	_, _ = io.WriteString(h, method+" "+target+"\n")
	_, _ = h.Write(body)
	return [sha256.Size]byte(h.Sum(nil))
}

// Expect prepares the answer to an exchange, which must be sent afterwards.
func (u *Upstream) Expect(e *Exchange) {
	id := identity(e.Method, e.Target, e.Body)
	u.mu.Lock()
	defer u.mu.Unlock()
	u.waiting[id] = append(u.waiting[id], answered{e.Status, e.AnswerHeader, e.AnswerBody})
}

// Unknown is how many requests came that nobody expected, as those that were
// changed on their way. They are answered with 404.
func (u *Upstream) Unknown() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.unknown
}

// ServeHTTP answers.
func (u *Upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, "the body can't be read", http.StatusBadRequest)
		return
	}
	a, ok := u.take(identity(r.Method, r.RequestURI, body))
	if !ok {
		http.Error(w, "not found", http.StatusNotFound)
		return
	}
	maps.Copy(w.Header(), a.header)
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body)
}

func (u *Upstream) take(id [sha256.Size]byte) (answered, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	all := u.waiting[id]
	if len(all) == 0 {
		u.unknown++
		return answered{}, false
	}
	if len(all) == 1 {
		delete(u.waiting, id)
	} else {
		u.waiting[id] = all[1:]
	}
	return all[0], true
}
