package judge

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/classify/sensitive"
	"farrier.dev/farrier/internal/discovery"
)

// maxNotes bounds the notes of one kind.
const maxNotes = 2000

func (j *Judging) note(n Note) {
	j.out.Notes = append(j.out.Notes, n)
}

// notes tells what is no state and no drift of one operation.
func (j *Judging) notes(edges []discovery.Edge) {
	j.instances()
	for _, d := range j.baseline.descriptions {
		j.readable(d)
		j.flowNotes(d)
	}
	known := j.parties()
	for i := range j.thin {
		o := &j.thin[i]
		j.zombie(o)
		j.upstreams(o, known)
		j.fromPublic(o)
	}
	j.edges(edges, known)
	j.oldVersions()
	slices.SortStableFunc(j.out.Notes, func(a, b Note) int {
		return cmp.Or(cmp.Compare(slices.Index(NoteKinds(), a.Kind), slices.Index(NoteKinds(), b.Kind)), cmp.Compare(a.API, b.API),
			cmp.Compare(keyText(a.Operation), keyText(b.Operation)), cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
	})
	counts := map[string]int{}
	j.out.Notes = slices.DeleteFunc(j.out.Notes, func(n Note) bool {
		counts[n.Kind]++
		return counts[n.Kind] > maxNotes
	})
}

func keyText(k *discovery.Key) string {
	if k == nil {
		return ""
	}
	return k.String()
}

func (d *description) place(line int) *Place {
	p := &Place{Description: d.index, Name: d.Name, Line: line}
	if d.Document != nil {
		p.File = d.Document.File
	}
	return p
}

// instances tells specifications without an instance, and instances without one.
func (j *Judging) instances() {
	if len(j.options.Instances) == 0 {
		return // nobody said which there are
	}
	for _, i := range j.options.Instances {
		if !slices.ContainsFunc(j.baseline.byAPI[i.Name], func(d *description) bool { return d.Document != nil }) {
			j.note(Note{Kind: InstanceWithoutSpecification, API: i.Name, Text: "the API instance " + i.Name + " has no specification: nobody can say what of its traffic is meant to be"})
		}
	}
	for _, d := range j.baseline.descriptions {
		exists := slices.ContainsFunc(j.options.Instances, func(i Instance) bool { return i.Name == d.API })
		if d.Document != nil && d.Origin == "specification" && !exists && !d.over(j.options.Now) {
			j.note(Note{Kind: SpecificationWithoutInstance, API: d.API, Place: d.place(1), Text: d.Name + " describes an API of which there is no instance: no gateway serves it under policies"})
		}
	}
}

// readable tells what of a description could not be understood.
func (j *Judging) readable(d *description) {
	if d.Document != nil && d.Document.Description == nil {
		text := d.Name + " describes no operation that could be read"
		line := 1
		for _, p := range d.Document.Problems {
			if !p.Warning {
				text, line = text+": "+p.Message, max(p.Line, 1)
				break
			}
		}
		j.note(Note{Kind: DescriptionUnreadable, API: d.API, Place: d.place(line), Text: text})
	}
	for _, op := range d.operations {
		if op.Sunset != "" && op.sunset.IsZero() {
			j.note(Note{
				Kind: SunsetUnreadable, API: d.API, Place: placeOf(d, op, ""),
				Text: fmt.Sprintf("the end of %s %s is no date; write it as 2026-12-31 or 2026-12-31T00:00:00Z", op.Method, op.Path),
			})
		}
	}
}

// flowNotes compares the flows of a project with the operations of its description.
func (j *Judging) flowNotes(d *description) {
	if len(d.Flows) == 0 {
		return
	}
	described := d
	if described.Document == nil && d.API != "" {
		for _, other := range j.baseline.byAPI[d.API] {
			if len(other.operations) > 0 && !other.over(j.options.Now) {
				described = other
			}
		}
	}
	if len(described.operations) == 0 || described.byName() {
		return
	}
	operations := &trie{}
	for _, op := range described.operations {
		operations.add(op.Path, end{description: described, operation: op})
		if d.flow(op.Method, op.Path) == nil {
			j.note(Note{
				Kind: OperationWithoutFlow, API: d.API, Place: placeOf(described, op, ""),
				Text: fmt.Sprintf("%s %s is described, and no flow of %s implements it", op.Method, op.Path, d.Name),
			})
		}
	}
	for i := range d.Flows[:min(len(d.Flows), maxFlows)] {
		f := &d.Flows[i]
		if strings.HasSuffix(f.Path, "*") {
			continue // a router of others
		}
		found := false
		s := search{left: maxVisits, found: func(e end) {
			found = found || f.Method == "" || strings.EqualFold(e.operation.Method, f.Method)
		}}
		if s.walk(operations, segmentsOf(f.Path)); !found {
			j.note(Note{
				Kind: FlowWithoutOperation, API: d.API, Place: &Place{Description: d.index, Name: f.Name, File: f.File, Line: f.Line, Method: f.Method, Path: f.Path},
				Text: fmt.Sprintf("the flow %s implements %s, which no operation of %s is", f.Name, strings.TrimSpace(f.Method+" "+f.Path), described.Name),
			})
		}
	}
}

// zombie tells who would break.
func (j *Judging) zombie(o *thin) {
	if !o.Is(discovery.Zombie) {
		return
	}
	key := o.Operation.Key
	n := Note{Kind: ZombieCalled, API: o.Operation.API, Operation: &key, Place: o.Described, Count: o.Operation.Requests}
	for _, c := range o.Operation.Callers {
		n.Callers = append(n.Callers, c.Kind+" "+c.Name)
	}
	switch others := o.Operation.OtherCallers; {
	case len(n.Callers) == 0:
		n.Text = fmt.Sprintf("%s has callers that show no name; they would break if it were taken away", key)
	case others == 0:
		n.Text = fmt.Sprintf("%s has %s, who would break if it were taken away", key, count(len(n.Callers), "known caller"))
	default:
		n.Text = fmt.Sprintf("%s has %s, and others who made %s; they would break if it were taken away", key, count(len(n.Callers), "known caller"), times(others, "call"))
	}
	j.note(n)
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// party is somebody on the map: an API or service with its layer and region.
type party struct {
	api, layer, region string
	// personal is a class of personal data that its operations carry, empty for none.
	personal sensitive.Class
}

// parties are the known ones by every name that a call may give them.
func (j *Judging) parties() map[string]*party {
	all := map[string]*party{}
	get := func(api string) *party {
		if all[api] == nil {
			p := &party{api: api}
			all[api] = p
			if _, name, ok := strings.Cut(api, "/"); ok && all[name] == nil {
				all[name] = p
			}
		}
		return all[api]
	}
	label := func(p *party, labels map[string]string) {
		if p.layer == "" {
			p.layer = strings.ToLower(labels["layer"])
		}
		if p.region == "" {
			p.region = strings.ToLower(labels["region"])
		}
	}
	for _, i := range j.options.Instances {
		label(get(i.Name), i.Labels)
	}
	for i := range j.thin {
		op := j.thin[i].Operation
		if op.API == "" {
			continue
		}
		p := get(op.API)
		label(p, op.Labels)
		if p.personal == "" {
			p.personal = j.thin[i].personal
		}
	}
	return all
}

// personal is a class of personal data that an operation carries, empty for none.
func personal(op *discovery.Operation) sensitive.Class {
	for _, d := range op.Data() {
		switch d.Class.Group() {
		case sensitive.GroupPersonal, sensitive.GroupHealth, sensitive.GroupPayment, sensitive.GroupLocation:
			return d.Class
		case sensitive.GroupCredential, sensitive.GroupTechnical, sensitive.GroupOwn:
		}
	}
	return ""
}

// upstreams looks at what an operation calls and by whom it is called.
func (j *Judging) upstreams(o *thin, known map[string]*party) {
	op := o.Operation
	self := known[op.API]
	for _, d := range op.Services {
		key := op.Key
		if d.Unmanaged {
			j.note(Note{
				Kind: UnmanagedUpstream, API: op.API, Operation: &key, To: d.Name, Count: d.Requests,
				Text: fmt.Sprintf("%s is called past every gateway: no policy holds for these calls, and nobody sees what they carry", d.Name),
			})
		}
		if self != nil {
			j.between(self, known[d.Name], op.API, d.Name, &key, d.Requests, o.personal)
		}
	}
	if self == nil {
		return
	}
	for _, c := range op.Callers {
		if from := known[c.Name]; from != nil && (c.Kind == "service" || c.Kind == "client") && from != self {
			key := op.Key
			j.between(from, self, c.Name, op.API, &key, c.Requests, o.personal)
		}
	}
}

// edges looks at the calls that traces tell.
func (j *Judging) edges(all []discovery.Edge, known map[string]*party) {
	for _, e := range all {
		from, to := known[e.From], known[e.To]
		if from != nil && to != nil && from != to {
			j.between(from, to, e.From, e.To, nil, e.Requests, to.personal)
		}
	}
}

// between judges one call between two parties.
func (j *Judging) between(from, to *party, fromName, toName string, key *discovery.Key, calls uint64, class sensitive.Class) {
	if from == nil || to == nil {
		return
	}
	if from.layer == "experience" && to.layer == "system" {
		j.note(Note{
			Kind: LayerSkipped, API: to.api, Operation: key, From: fromName, To: toName, Count: calls,
			Text: fmt.Sprintf("the experience API %s calls the system API %s past the process layer", fromName, toName),
		})
	}
	if from.region != "" && to.region != "" && from.region != to.region && class != "" {
		j.note(Note{
			Kind: RegionCrossed, API: to.api, Operation: key, From: fromName, To: toName, Count: calls,
			Text: fmt.Sprintf("personal data (%s) passes between %s (%s) and %s (%s)", class, fromName, from.region, toName, to.region),
		})
	}
}

// fromPublic tells a system API that is called from outside.
func (j *Judging) fromPublic(o *thin) {
	op := o.Operation
	n := op.Exposure[discovery.Public]
	if n == 0 || strings.ToLower(op.Labels["layer"]) != "system" {
		return
	}
	key := op.Key
	j.note(Note{
		Kind: SystemCalledFromPublic, API: op.API, Operation: &key, Count: n,
		Text: fmt.Sprintf("the system API %s is called from public addresses, %s", op.API, times(n, "time")),
	})
}

// oldVersions tells which share of an API's calls superseded versions take.
func (j *Judging) oldVersions() {
	total := map[string]uint64{}
	for i := range j.thin {
		o := &j.thin[i]
		titles := map[string]bool{}
		for _, m := range o.matches {
			titles[m.description.title()] = true
		}
		for title := range titles {
			total[title] += o.Operation.Requests
		}
	}
	for _, d := range j.baseline.descriptions {
		var calls uint64
		for i := range j.thin {
			if !d.over(j.options.Now) {
				break
			}
			o := &j.thin[i]
			if o.Is(discovery.Zombie) && slices.ContainsFunc(o.matches, func(m match) bool { return m.description == d }) {
				calls += o.Operation.Requests
			}
		}
		if calls == 0 {
			continue
		}
		j.note(Note{
			Kind: OldVersionCalled, API: d.API, Place: d.place(1), Count: calls,
			Text: fmt.Sprintf("%.1f %% of the calls of %s go to version %s, which is over", 100*float64(calls)/float64(max(total[d.title()], 1)), d.title(), orUnnamed(d.Version)),
		})
	}
}
