package judge

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/classify/sensitive"
	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/spec"
)

// Findings are what of the judgement somebody should mend, the worst first. Those of
// one operation and place have the same fingerprint in every judgement.
func (j *Judgement) Findings() []finding.Finding {
	m := newMaker()
	for i := range j.Operations {
		m.operation(&j.Operations[i])
	}
	for i := range j.Orphans {
		o := &j.Orphans[i]
		m.add(RuleOrphan, false, finding.Location{File: o.File, Line: o.Line, API: o.API, Operation: o.Method + " " + o.Base + o.Path},
			fmt.Sprintf("%s describes %s %s, and nobody called it since %s", o.Name, o.Method, o.Path, o.Since.Format("2006-01-02")))
	}
	for i := range j.Notes {
		m.note(&j.Notes[i])
	}
	return m.sorted()
}

// Findings are those of a group of operations alone; Judgement.Findings has them too where
// the judgement holds the operations.
func Findings(judged []Judged) []finding.Finding {
	m := newMaker()
	for i := range judged {
		m.operation(&judged[i])
	}
	return m.sorted()
}

func newMaker() *maker {
	m := &maker{rules: map[string]Rule{}, seen: map[string]bool{}}
	for _, r := range Rules() {
		m.rules[r.ID] = r
	}
	return m
}

func (m *maker) sorted() []finding.Finding {
	slices.SortStableFunc(m.out, func(a, b finding.Finding) int { return cmp.Compare(b.Severity, a.Severity) })
	return m.out
}

// maker makes findings.
type maker struct {
	rules map[string]Rule
	out   []finding.Finding
	seen  map[string]bool
}

func (m *maker) add(rule string, raised bool, at finding.Location, message string) {
	r := m.rules[rule]
	f := finding.Finding{
		Rule: r.ID, Severity: r.Severity, Title: r.Title, Message: message, Location: at, Taxonomy: r.Taxonomy, Fix: r.Fix,
		Confidence: finding.HighConfidence, Fingerprint: finding.Fingerprint(r.ID, at),
	}
	if raised && r.Raised > f.Severity {
		f.Severity = r.Raised
	}
	if m.seen[f.Fingerprint] {
		return
	}
	m.seen[f.Fingerprint] = true
	m.out = append(m.out, f)
}

// locate is where an operation is.
func locate(op *discovery.Operation) finding.Location {
	path := op.Path
	if op.API == "" && op.Host != "" && op.Host != "*" {
		path = op.Host + path
	}
	at := finding.Location{API: op.API, Operation: op.Method + " " + path}
	for _, more := range []string{op.Name, op.Version} {
		if more != "" {
			at.Operation += " " + more
		}
	}
	return at
}

// grave says whether an operation carries sensitive data, and which.
func grave(op *discovery.Operation) string {
	var classes []string
	for _, d := range op.Data() {
		switch d.Class.Group() {
		case sensitive.GroupPersonal, sensitive.GroupPayment, sensitive.GroupHealth, sensitive.GroupCredential, sensitive.GroupLocation, sensitive.GroupOwn:
			if c := string(d.Class); !slices.Contains(classes, c) {
				classes = append(classes, c)
			}
		case sensitive.GroupTechnical:
		}
	}
	slices.Sort(classes)
	return strings.Join(classes[:min(len(classes), 5)], ", ")
}

func (m *maker) operation(o *Judged) {
	op, at := o.Operation, locate(o.Operation)
	data := grave(op)
	unauthenticated := unproven(op)
	with := ""
	if data != "" {
		with = " It carries " + data + "."
	}
	if o.Described != nil {
		at.File, at.Line = o.Described.File, o.Described.Line
	}
	reason := ""
	if len(o.Reasons) > 0 {
		reason = o.Reasons[0]
	}
	// The file must not be in the fingerprint of what belongs to the operation itself.
	plain := at
	plain.File, plain.Line = "", 0
	switch {
	case o.Is(discovery.Shadow):
		m.add(RuleShadow, data != "" || unauthenticated != "", plain, fmt.Sprintf("%s is in traffic (%s), and %s.%s", at.Operation, times(op.Requests, "call"), reason, with))
	case o.Is(discovery.Zombie):
		m.add(RuleZombie, data != "" || unauthenticated != "", plain, fmt.Sprintf("%s is still called (%s by %s): %s.%s", at.Operation, times(op.Requests, "call"), callers(op), reason, with))
	}
	m.credentials(o, plain, data, unauthenticated)
	if len(o.Drift) == 0 {
		return
	}
	carrying := places(op)
	for i := range o.Drift {
		m.drift(&o.Drift[i], carrying, at)
	}
}

// callers says how many are known who call an operation.
func callers(op *discovery.Operation) string {
	if len(op.Callers) == 0 {
		return "callers that show no name"
	}
	return times(uint64(len(op.Callers)), "known caller")
}

// unproven is missing or partial where good calls are known to carry no credentials,
// empty otherwise.
func unproven(op *discovery.Operation) string {
	if op.Authentication[discovery.NoAuthentication] < discovery.AcceptParameterCalls || op.Method == http.MethodOptions {
		return ""
	}
	for source := range op.Sources {
		if source == discovery.FromLog || source == discovery.FromAnalytics || source == discovery.FromTrace {
			return "" // they do not see credentials
		}
	}
	if status := op.AuthenticationStatus(); status != "consistent" {
		return status
	}
	return ""
}

// credentials tells operations that need none, unless their description says that they
// are open and they carry nothing sensitive.
func (m *maker) credentials(o *Judged, at finding.Location, data, unauthenticated string) {
	if unauthenticated == "" || data == "" && saidOpen(o) {
		return
	}
	op := o.Operation
	public := op.Exposure[discovery.Public] > 0
	if !public && data == "" {
		return
	}
	rule, message := RuleNoAuth, fmt.Sprintf("%d good calls of %s carried no credentials", op.Authentication[discovery.NoAuthentication], at.Operation)
	if unauthenticated == "partial" {
		rule = RulePartialAuth
	}
	if public {
		message += ", and it is called from public addresses"
	}
	if data != "" {
		message += "; it carries " + data
	}
	m.add(rule, data != "", at, message)
}

// saidOpen says whether a description in force says that anybody may call.
func saidOpen(o *Judged) bool {
	return slices.ContainsFunc(o.matches, func(m match) bool {
		if m.operation.Security == nil {
			return false
		}
		return len(m.operation.Security) == 0 || slices.ContainsFunc(m.operation.Security, func(a []spec.Requirement) bool { return len(a) == 0 })
	})
}

// places are where an operation carries sensitive data, written as drift writes places.
func places(op *discovery.Operation) map[string]bool {
	all := map[string]bool{}
	for _, d := range op.Data() {
		if d.Class.Group() != sensitive.GroupTechnical {
			place := strings.ReplaceAll(d.Place, "[]", "/*")
			if media, _, body := strings.Cut(place, " /"); body && d.Direction == "request" && strings.Contains(media, "/") {
				place = "request " + place
			}
			all[place] = true
		}
	}
	return all
}

func (m *maker) drift(d *discovery.Drift, carrying map[string]bool, at finding.Location) {
	at.Place, at.File, at.Line = d.Kind+" "+d.Place, d.File, d.Line
	raised := carrying[d.Place]
	if d.Kind == AuthenticationDiffers {
		raised = strings.Contains(d.Traffic, "without credentials")
	}
	m.add(driftRule(d.Kind), raised, at, sentence(d))
}

// sentence says a drift in words.
func sentence(d *discovery.Drift) string {
	switch d.Kind {
	case ParameterUndocumented, FieldUndocumented:
		return fmt.Sprintf("%s is not described; seen: %s", d.Place, d.Traffic)
	case StatusUndocumented:
		return fmt.Sprintf("status %s is not described; seen: %s", d.Place, d.Traffic)
	case ParameterUnused, FieldUnused, StatusUnused:
		return fmt.Sprintf("%s is described, and seen %s", d.Place, d.Traffic)
	case TypeDiffers:
		return fmt.Sprintf("%s is described as %s, and seen as %s", d.Place, d.Description, d.Traffic)
	case RequiredMissing:
		return fmt.Sprintf("%s is described as required; seen: %s", d.Place, d.Traffic)
	case EnumDiffers:
		return fmt.Sprintf("%s is described with %s; seen: %s", d.Place, d.Description, d.Traffic)
	case AuthenticationDiffers:
		if strings.HasPrefix(d.Description, "demands ") {
			return fmt.Sprintf("the description %s; seen: %s", d.Description, d.Traffic)
		}
		return fmt.Sprintf("%s, and %s", d.Description, d.Traffic)
	}
	return fmt.Sprintf("%s: %s; seen: %s", d.Place, d.Description, d.Traffic)
}

func (m *maker) note(n *Note) {
	rule := map[string]string{
		SpecificationWithoutInstance: RuleNoInstance, InstanceWithoutSpecification: RuleNoSpec, FlowWithoutOperation: RuleFlow,
		OperationWithoutFlow: RuleNoFlow, UnmanagedUpstream: RuleUnmanaged, LayerSkipped: RuleSkipLayer,
		SystemCalledFromPublic: RuleSystemPublic, RegionCrossed: RuleRegion,
	}[n.Kind]
	if rule == "" {
		return
	}
	at := finding.Location{API: n.API}
	if n.Operation != nil {
		at.Operation = n.Operation.Method + " " + n.Operation.Path
	}
	if n.Place != nil {
		at.File, at.Line = n.Place.File, n.Place.Line
		if at.Operation == "" && n.Place.Method+n.Place.Path != "" {
			at.Operation = strings.TrimSpace(n.Place.Method + " " + n.Place.Path)
		}
	}
	if n.From+n.To != "" {
		at.Place = strings.TrimSpace(n.From + " > " + n.To)
	}
	m.add(rule, false, at, n.Text)
}
