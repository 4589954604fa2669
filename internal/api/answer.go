package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/access"
)

// rootGroup is the id of the business group at the top.
const rootGroup = access.Root

// answer is what goes back, ready to write.
type answer struct {
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers"`
	Body    []byte            `json:"body"`
}

// answerOf makes the answer of what a handler gave.
func answerOf(value any) (*answer, error) {
	a := &answer{Status: http.StatusOK, Headers: map[string]string{}}
	switch v := value.(type) {
	case nil:
		a.Status = http.StatusNoContent
		return a, nil
	case Created:
		a.Status, value = http.StatusCreated, v.Value
		a.Headers["Location"] = Prefix + v.Location
		a.tag(v.Version)
	case Versioned:
		value = v.Value
		a.tag(v.Version)
	case Download:
		a.Headers["Content-Type"], a.Body = v.Media, v.Bytes
		a.Headers["Content-Disposition"] = fmt.Sprintf("attachment; filename=%q", fileName(v.Name))
		return a, nil
	}
	var err error
	if a.Body, err = json.Marshal(value); err != nil {
		return nil, fmt.Errorf("writing the answer: %w", err)
	}
	a.Headers["Content-Type"] = "application/json"
	return a, nil
}

func (a *answer) tag(version int64) {
	if version > 0 {
		a.Headers["ETag"] = `"` + strconv.FormatInt(version, 10) + `"`
	}
}

// fileName leaves only what is harmless in a header and on a disk.
func fileName(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-' || r == '_' {
			return r
		}
		return '-'
	}, name)
}

func (a *answer) write(w http.ResponseWriter) {
	for name, value := range a.Headers {
		w.Header().Set(name, value)
	}
	w.WriteHeader(a.Status)
	_, _ = w.Write(a.Body) // the client has gone away; there is nobody to tell
}
