package manifest

import (
	"slices"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/revision"
)

// configuration is one section of the gateway's settings.
type configuration struct {
	header
	section string
	at      position // of the section
	// apply puts the section into the settings.
	apply func(*revision.Settings)
	// texts are the strings that may hold references.
	texts []reference
	// port is that of the probe, 0 without one.
	port   int
	portAt position
	// everywhere is a policy that all APIs, or all services, have unless they bind
	// it themselves; empty without one.
	everywhere revision.Binding
	// mostAPIs and mostPolicies are resource limits, 0 for none.
	mostAPIs, mostPolicies int64
}

type reference struct {
	text, path string
	at         position
}

var sections = []string{
	"logging", "sharedStorage", "forwardProxy", "proxyProtocol", "probe", "timeouts", "circuitBreaker", "tracing",
	"resourceLimits", "internalMetrics", "platformConnection", "defaultTLS",
}

// defaultProbePort is that of the readiness endpoint.
const defaultProbePort = 3000

func (r *reader) configuration(h header, spec *object) *configuration {
	c := &configuration{header: h, at: h.at}
	if spec == nil {
		return c
	}
	var present []*pair
	for _, name := range sections {
		if p := spec.pair(name); p != nil {
			present = append(present, p)
		} else if p := spec.n.find(name); p != nil {
			spec.errorf(p.position, name, "empty; write its keys or remove it")
			c.section = name
		}
	}
	switch {
	case len(present) == 0 && c.section == "" && len(spec.n.pairs) == 0:
		spec.errorf(spec.at, "", "needs one section: %s", strings.Join(sections, ", "))
	case len(present) > 1:
		spec.errorf(present[1].position, present[1].key, "stands beside %s; write each section as a Configuration of its own", present[0].key)
	}
	for _, p := range present {
		if o := r.object(p.value, p.position, spec.field(p.key)); o != nil {
			c.section, c.at = p.key, p.position
			r.section(c, o)
			o.close()
		}
	}
	return c
}

func (r *reader) section(c *configuration, o *object) {
	switch c.section {
	case "logging":
		r.logging(c, o)
	case "sharedStorage":
		r.sharedStorage(c, o)
	case "forwardProxy":
		o.object("https").forward()
		o.texts("noProxy")
		o.errorf(o.at, "", "a forward proxy is not supported, and without it connections would go out directly; remove it")
	case "proxyProtocol":
		enabled := o.boolean("enabled")
		c.apply = func(s *revision.Settings) { s.ProxyProtocol = enabled }
	case "probe":
		c.readProbe(o)
	case "timeouts":
		c.readTimeouts(o)
	case "circuitBreaker":
		r.circuitBreaker(c, o)
	case "tracing":
		r.tracing(c, o)
	case "resourceLimits":
		c.mostAPIs, _ = o.integer("apiInstances", 0, lastOrder)
		c.mostPolicies, _ = o.integer("policies", 0, lastOrder)
	case "internalMetrics":
		o.boolean("enabled")
		r.problems.warnf(o.at, o.path, "not used: the console always serves metrics")
	case "platformConnection":
		for _, p := range o.n.pairs {
			o.known = append(o.known, p.key)
		}
		r.problems.warnf(o.at, o.path, "not used: this gateway has no connection to the platform")
	case "defaultTLS":
		if calls := r.tlsSettings(c, o.object("outboundPolicyCalls")); calls != nil {
			c.apply = func(s *revision.Settings) { s.PolicyCalls = calls }
		}
	}
}

func (o *object) forward() {
	if o == nil {
		return
	}
	o.needText("address")
	if basic := o.object("basicAuth"); basic != nil {
		basic.rename("user", "username")
		basic.needText("username")
		basic.needText("password")
		basic.close()
	}
	o.close()
}

func (c *configuration) readProbe(o *object) {
	enabled := o.boolean("enabled")
	port := int64(defaultProbePort)
	if given, ok := o.integer("port", 1, 65535); ok {
		port = given
	}
	if !enabled {
		return
	}
	c.port, c.portAt = int(port), o.at
	c.apply = func(s *revision.Settings) { s.Probe = revision.Probe{Enabled: true, Port: int(port)} }
}

func (c *configuration) readTimeouts(o *object) {
	const week = 7 * 24 * 60 * 60
	connection, _ := o.integer("upstreamConnectionIdleSeconds", 1, week)
	response, _ := o.integer("upstreamResponseSeconds", 1, week)
	stream, _ := o.integer("streamIdleSeconds", 1, week)
	c.apply = func(s *revision.Settings) {
		s.Timeouts = revision.Timeouts{
			UpstreamConnectionIdleSeconds: int(connection), UpstreamResponseSeconds: int(response), StreamIdleSeconds: int(stream),
		}
	}
}

func (r *reader) logging(c *configuration, o *object) {
	logging := revision.Logging{Source: c.at.source()}
	names := make(map[string]bool)
	if p := o.pair("outputs"); p != nil && p.value.kind == mapping {
		outputs := o.object("outputs")
		anypoint := outputs.needObject("anypoint")
		anypoint.boolean("enabled")
		anypoint.boolean("disabled")
		anypoint.close()
		outputs.close()
		outputs.warnf(outputs.at, "anypoint", "not used: this gateway has no connection to the platform")
	} else {
		for _, item := range o.objects("outputs") {
			output, ok := r.logOutput(c, item)
			if ok && names[output.Name] {
				item.errorf(item.n.find("name").position, "name", "two outputs have this name; rename one")
			}
			if ok {
				names[output.Name] = true
				logging.Outputs = append(logging.Outputs, output)
			}
		}
	}
	if runtime := o.object("runtimeLogs"); runtime != nil {
		logging.RuntimeLevel = runtime.choice("logLevel", "info", "debug", "warn", "error", "fatal")
		logging.RuntimeOutputs = runtime.outputs(names)
		runtime.close()
	}
	if access := o.object("accessLogs"); access != nil {
		logging.AccessOutputs = access.outputs(names)
		access.close()
	}
	c.apply = func(s *revision.Settings) { s.Logging = logging }
}

func (r *reader) logOutput(c *configuration, o *object) (revision.LogOutput, bool) {
	name, named := o.needText("name")
	kind, typed := o.needText("type")
	output := revision.LogOutput{Name: name, Type: kind, Parameters: o.scalars("parameters")}
	if parameters := o.object("parameters"); parameters != nil {
		for _, p := range parameters.n.pairs {
			if text, ok := p.value.value.(string); ok {
				c.texts = append(c.texts, reference{text: text, path: parameters.field(p.key), at: p.position})
			}
		}
	}
	if typed && !slices.Contains([]string{"file", "stdout", "http"}, kind) {
		o.warnf(o.n.find("type").position, "type", "outputs other than file, stdout and http are not supported yet; nothing is written there")
	}
	o.close()
	return output, named && typed
}

func (o *object) outputs(names map[string]bool) []string {
	var outputs []string
	for i, item := range o.items("outputs") {
		name, ok := item.value.(string)
		if !ok || !names[name] {
			o.r.problems.errorf(item.position, o.field("outputs")+"["+strconv.Itoa(i)+"]", "names no output of this section")
			continue
		}
		outputs = append(outputs, name)
	}
	return outputs
}
