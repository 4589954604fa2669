package discovery

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"farrier.dev/farrier/internal/classify/sensitive"
	"farrier.dev/farrier/internal/discovery/shape"
)

// candidateBytes bounds what the bodies of all candidates take together. Beyond,
// candidates learn their bodies once they are listed.
const candidateBytes = 16 << 20

// bodySeen is how much of a body teaches, in bytes.
const bodySeen = MaxBody

// teach learns parameters and bodies of a sampled good call.
func (l *Learner) teach(c *call, e *entry) {
	e.op.Sampled++
	l.parameters(c, e)
	sent := l.request(c, e)
	received := l.answer(c, e)
	if e.op.Sampled&15 == 0 || e.op.Sampled < 4 {
		size := e.op.size()
		l.weigh(e, size-e.size)
		e.size = size
	}
	if e.listed {
		l.noteData(c, e)
	}
	consumer := e.op.known(c)
	if consumer != nil {
		carried(&consumer.Sent, sent)
		carried(&consumer.Received, received)
	}
	l.cool()
}

// known gives the caller when the operation has it.
func (op *Operation) known(c *call) *Consumer {
	for _, k := range op.Callers {
		if k.Name == c.caller && k.Kind == c.callerKind {
			return k
		}
	}
	return nil
}

// request learns the body of a request, and gives the classes of data that it held.
func (l *Learner) request(c *call, e *entry) map[sensitive.Class]bool {
	classes := ofParameters(c, e)
	b := c.Request.Body
	if len(b) == 0 && !c.Request.Unseen {
		return classes
	}
	field := ""
	if c.Request.Header != nil {
		field = c.Request.Header.Get("content-type")
	}
	l.body(c, e, &e.op.Bodies, 0, field, &c.Request, classes)
	return classes
}

// answer learns the body of an answer.
func (l *Learner) answer(c *call, e *entry) map[sensitive.Class]bool {
	if c.Response.Header == nil && len(c.Response.Body) == 0 || c.Local && !c.good {
		return nil
	}
	field := ""
	if c.Response.Header != nil {
		field = c.Response.Header.Get("content-type")
	}
	classes := map[sensitive.Class]bool{}
	if c.Status > 0 {
		l.body(c, e, &e.op.Answers, c.Status, field, &c.Response, classes)
	}
	return classes
}

func (l *Learner) body(c *call, e *entry, all *[]*Body, status int, field string, m *Message, classes map[sensitive.Class]bool) {
	media, _ := mediaOf(field)
	if len(m.Body) == 0 && !m.Unseen {
		media = ""
	}
	if media != "" && !hasBody(*all, status, media) {
		media = l.plainMedia(media)
	}
	b := takeBody(all, status, media, c.at)
	if b == nil {
		l.overflow++
		return
	}
	if b.Count == 0 && e.listed && e.op.Sampled > 20 {
		e.op.change(c.at, "media-new", place(status, media, ""), "")
	}
	b.Count++
	if c.at.Before(b.First) {
		b.First = c.at
	}
	if c.at.After(b.Last) {
		b.Last = c.at
	}
	if m.Partial {
		b.Partial++
	}
	if len(m.Body) == 0 || !e.listed && l.waitBytes > candidateBytes {
		return
	}
	read, fresh := l.document(e, b, status, media, field, m)
	if !read {
		return
	}
	b.Read++
	for class := range fresh {
		classes[class] = true
	}
}

// document looks into one body. The classes that it held are those whose counts grew.
func (l *Learner) document(e *entry, b *Body, status int, media, field string, m *Message) (read bool, classes map[sensitive.Class]bool) {
	direction := "response"
	if status == 0 {
		direction = "request"
	}
	look := sensitive.Context{In: "body", Direction: direction, Route: route(e.op.Path)}
	if b.Schema == nil {
		b.Schema = &shape.Schema{}
	}
	if b.classes == nil {
		b.classes = b.Schema.Classes()
	}
	body := m.Body[:min(len(m.Body), bodySeen)]
	partial := m.Partial || len(body) < len(m.Body)
	var err error
	switch {
	case isJSON(media):
		err = b.Schema.ObserveJSON(l.looker, look, body, partial)
	case isXML(media):
		err = b.Schema.ObserveXML(l.looker, look, body, partial)
	case media == "application/x-www-form-urlencoded":
		err = b.Schema.ObserveForm(l.looker, look, body, partial)
	case media == "multipart/form-data":
		err = b.Schema.ObserveMultipart(l.looker, look, field, body, partial)
	case media == "" && len(body) > 0 && (body[0] == '{' || body[0] == '['):
		err = b.Schema.ObserveJSON(l.looker, look, body, partial)
	default:
		b.Schema = nil
		return false, nil
	}
	if err != nil {
		if b.Schema.Count() == 0 {
			b.Schema = nil
		}
		return false, nil
	}
	after := b.Schema.Classes()
	for class, n := range after {
		if n > b.classes[class] {
			if classes == nil {
				classes = make(map[sensitive.Class]bool)
			}
			classes[class] = true
		}
	}
	b.classes = after
	return true, classes
}

func hasBody(all []*Body, status int, media string) bool {
	return slices.ContainsFunc(all, func(b *Body) bool { return b.Status == status && b.Media == media })
}

// takeBody gives the contents of a media type, and makes them where there are none.
func takeBody(all *[]*Body, status int, media string, at time.Time) *Body {
	for _, b := range *all {
		if b.Status == status && b.Media == media {
			return b
		}
	}
	if len(*all) >= MaxBodies {
		return nil
	}
	b := &Body{Status: status, Media: strings.Clone(media), First: at, Last: at}
	*all = append(*all, b)
	slices.SortFunc(*all, compareBodies)
	return b
}

func compareBodies(a, b *Body) int {
	if a.Status != b.Status {
		return a.Status - b.Status
	}
	return strings.Compare(a.Media, b.Media)
}

// ofParameters gives the classes of data that the parameters of this call have mostly.
func ofParameters(c *call, e *entry) map[sensitive.Class]bool {
	classes := map[sensitive.Class]bool{}
	for _, p := range e.op.Parameters {
		if !p.Last.Equal(c.at) {
			continue
		}
		for _, class := range p.Values.Classes() {
			classes[class] = true
		}
	}
	return classes
}

// noteData remembers classes of data that a listed operation did not have before.
func (l *Learner) noteData(c *call, e *entry) {
	if e.op.Sampled&15 != 0 {
		return
	}
	fresh := e.classes == nil
	if fresh {
		e.classes = make(map[string]bool)
	}
	for _, d := range e.op.Data() {
		k := d.Direction + " " + string(d.Class)
		if !e.classes[k] && len(e.classes) < 100 {
			e.classes[k] = true
			if !fresh {
				e.op.change(c.at, "data-new", d.Direction+" "+d.Place, string(d.Class))
			}
		}
	}
}

// place writes a part of an operation: "200 application/json /items/id".
func place(status int, media, path string) string {
	var parts []string
	if status > 0 {
		parts = append(parts, strconv.Itoa(status))
	}
	if media != "" {
		parts = append(parts, media)
	}
	if path != "" {
		parts = append(parts, path)
	}
	return strings.Join(parts, " ")
}
