package console

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"farrier.dev/farrier/internal/control/exchange"
	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/traffic"
)

// lookup leads from the look-up box to the page of an exchange.
func (c *console) lookup(w http.ResponseWriter, r *request) error {
	id := strings.ToUpper(strings.TrimSpace(r.URL.Query().Get("id")))
	if id == "" {
		http.Redirect(w, r.Request, "/refusals", http.StatusSeeOther)
		return nil
	}
	http.Redirect(w, r.Request, "/exchanges/"+url.PathEscape(id[:min(len(id), 64)]), http.StatusSeeOther)
	return nil
}

// exchangeData is what the page of one exchange shows.
type exchangeData struct {
	exchange.Trail
	// Valid says that the id has the form of one.
	Valid bool
	// Headline and Story say how it ended and why, in a sentence each.
	Headline, Story, Tone string
	// Written are the places of bindings, while their revision serves.
	Written map[string]revision.Source
}

func (c *console) exchange(w http.ResponseWriter, r *request) error {
	id := r.PathValue("id")
	t, err := c.Exchanges.Trail(r.Context(), r.principal, id)
	if err != nil {
		return err
	}
	d := exchangeData{Trail: t, Valid: traffic.ValidID(strings.ToUpper(id))}
	if !t.Kept {
		return c.render(w, r, http.StatusNotFound, "exchange", "Exchange "+id[:min(len(id), 26)], d)
	}
	d.Tone = outcomeTone(t.Record.Outcome)
	d.Headline, d.Story = c.story(&t)
	d.Written = c.Served.Written(r.principal, t.Record.Revision, t.Record.API)
	return c.render(w, r, http.StatusOK, "exchange", "Exchange "+t.ID, d)
}

// story tells how an exchange ended and why, as one would say it.
func (c *console) story(t *exchange.Trail) (headline, story string) {
	r := &t.Record
	who := c.Exchanges.PolicyTitle(r.Policy)
	if r.Policy == "" {
		who = "A policy"
	}
	reason := spoken(r.Reason)
	switch r.Outcome {
	case traffic.RefusedByPolicy:
		return fmt.Sprintf("%s refused this request", who), because(reason, "It gave no reason.")
	case traffic.RefusedByGateway:
		return "The gateway refused this request before any policy ran", because(reason, "It gave no reason.")
	case traffic.AnsweredLocally:
		return fmt.Sprintf("%s answered this request itself", decider(t, who)), because(reason, "The service was not called.")
	case traffic.Errored:
		if r.Policy != "" {
			return fmt.Sprintf("%s could not decide, so the request was refused for safety", who), because(reason, "It gave no reason.")
		}
		return "This exchange ended in an error", because(reason, "Neither the gateway nor the service said why.")
	case traffic.Served:
	}
	if len(t.Findings) > 0 {
		return "This request was let through although it looks like an attack",
			"The findings below were only watched: nothing blocks in watch mode. The service answered it."
	}
	if r.Status >= 500 {
		return fmt.Sprintf("The service answered with status %d", r.Status), "No policy objected; the failure is the service's own."
	}
	return "This request was served", "No policy objected."
}

// decider is the title of the step that decided, or another name.
func decider(t *exchange.Trail, other string) string {
	for i := range t.Steps {
		if s := &t.Steps[i]; s.Decisive {
			if s.Title != "" {
				return s.Title
			}
			return s.Policy
		}
	}
	return other
}

func because(reason, otherwise string) string {
	if reason == "" {
		return otherwise
	}
	return reason
}

// spoken makes a sentence of a reason.
func spoken(reason string) string {
	reason = strings.TrimSpace(reason)
	if reason == "" {
		return ""
	}
	_, size := utf8.DecodeRuneInString(reason)
	reason = strings.ToUpper(reason[:size]) + reason[size:]
	if !strings.HasSuffix(reason, ".") {
		reason += "."
	}
	return reason
}

// Refusing is the step whose decision ended the exchange, nil for none.
func (d exchangeData) Refusing() *exchange.Step {
	for i := range d.Steps {
		if d.Steps[i].Decisive {
			return &d.Steps[i]
		}
	}
	return nil
}
