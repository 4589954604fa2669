package manifest

import (
	"encoding/json"

	"farrier.dev/farrier/internal/revision"
)

// These sections of Configuration say what surrounds the gateway: the store
// that gateways share, the collector of spans, and what holds for all services.

func (r *reader) sharedStorage(c *configuration, o *object) {
	if local := o.object("local"); local != nil {
		local.boolean("enabled")
		local.close()
	}
	if store := o.object("objectStore"); store != nil {
		store.needText("url")
		store.close()
		store.warnf(store.at, "", "not supported: gateways share a store on Redis or Valkey; write redis")
	}
	redis := o.object("redis")
	if redis == nil {
		return
	}
	redis.rename("user", "username")
	redis.rename("DB", "db")
	storage := revision.SharedStorage{Source: c.at.source()}
	storage.Address = c.referring(redis, "address", true)
	storage.Username = c.referring(redis, "username", false)
	storage.Password = c.referring(redis, "password", false)
	db, _ := redis.integer("db", 0, 1<<16)
	storage.DB = int(db)
	if sentinel := redis.object("sentinel"); sentinel != nil {
		sentinel.texts("addresses")
		for _, item := range sentinel.items("addresses") {
			if text, ok := item.value.(string); ok {
				storage.SentinelAddresses = append(storage.SentinelAddresses, text)
			}
		}
		storage.SentinelMaster, _ = sentinel.needText("masterName")
		storage.SentinelPassword = c.referring(sentinel, "password", false)
		sentinel.close()
	}
	storage.TLS = r.tlsSettings(c, redis.object("tls"))
	redis.close()
	c.apply = func(s *revision.Settings) { s.SharedStorage = storage }
}

// referring is a text that may be a reference.
func (c *configuration) referring(o *object, key string, needed bool) string {
	text, ok := o.text(key)
	if needed {
		text, ok = o.needText(key)
	}
	if ok {
		c.texts = append(c.texts, reference{text: text, path: o.field(key), at: o.n.find(key).position})
	}
	return text
}

// tlsSettings are TLS settings in the form of the tls-outbound policy, nil when
// there are none; it knows both spellings of the versions.
func (r *reader) tlsSettings(c *configuration, o *object) json.RawMessage {
	if o == nil {
		return nil
	}
	for _, name := range []string{"minversion", "minVersion", "maxversion", "maxVersion"} {
		o.choice(name, "", "1.1", "1.2", "1.3")
	}
	o.text("trustedCA")
	o.texts("alpn")
	o.texts("ciphers")
	o.boolean("skipValidation")
	if certificate := o.object("certificate"); certificate != nil {
		c.referring(certificate, "key", false)
		certificate.text("crt")
		if p := certificate.pair("keyPassphrase"); p != nil {
			certificate.errorf(p.position, p.key, "not supported; give the key without a pass phrase, from a file or variable that only the gateway may read")
		}
		certificate.close()
	}
	o.close()
	text, err := json.Marshal(o.n.plain())
	if err != nil {
		o.errorf(o.at, "", "not readable as settings: %v", err)
		return nil
	}
	return text
}

// thresholdNames end the names of a circuit breaker's thresholds; some tables
// begin them with maximum, examples with max.
var thresholdNames = []string{"Connections", "PendingRequests", "Requests", "Retries", "ConnectionPools"}

func (r *reader) circuitBreaker(c *configuration, o *object) {
	thresholds := o.object("thresholds")
	if thresholds == nil {
		return
	}
	set := map[string]int64{}
	for _, name := range thresholdNames {
		thresholds.rename("maximum"+name, "max"+name)
		if n, ok := thresholds.integer("max"+name, 0, lastOrder); ok {
			set["max"+name] = n
		}
	}
	thresholds.close()
	c.bindEverywhere("circuit-breaker-flex", map[string]any{"thresholds": set})
}

// bindEverywhere has a policy bound to all targets.
func (c *configuration) bindEverywhere(policy string, settings map[string]any) {
	text, err := json.Marshal(settings)
	if err != nil {
		return // text, numbers and lists of them always marshal
	}
	c.everywhere = revision.Binding{Name: c.name, Policy: policy, As: policy, Settings: text, Automated: true, Source: c.at.source()}
}

func (r *reader) tracing(c *configuration, o *object) {
	tracing := revision.Tracing{Source: c.at.source()}
	if provider := o.needObject("provider"); provider != nil {
		if provider.choice("type", "opentelemetry", "anypoint") == "anypoint" {
			provider.warnf(provider.at, "type", "this gateway has no connection to the platform; spans go to the address, by OTLP")
		}
		if properties := provider.needObject("properties"); properties != nil {
			tracing.Address = c.referring(properties, "address", true)
			tracing.Path, _ = properties.text("tracesUri")
			tracing.ServiceName, _ = properties.text("serviceName")
			tracing.Protocol = properties.choice("serviceType", "grpc", "http")
			tracing.TimeoutMilliseconds, _ = properties.integer("timeout", 1, 600_000)
			tracing.Headers = c.referringAll(properties, "httpHeaders")
			tracing.Attributes = properties.scalars("resourceAttributes")
			properties.close()
		}
		provider.close()
	}
	settings := map[string]any{"sampling": r.sampling(o.object("sampling"))}
	if labels := r.labels(o); len(labels) > 0 {
		settings["labels"] = labels
	}
	c.bindEverywhere("tracing-flex", settings)
	c.apply = func(s *revision.Settings) { s.Tracing = tracing }
}

// referringAll are texts that may be references, with free keys.
func (c *configuration) referringAll(o *object, key string) map[string]string {
	texts := o.scalars(key)
	if inner := o.object(key); inner != nil {
		for _, p := range inner.n.pairs {
			c.texts = append(c.texts, reference{text: texts[p.key], path: inner.field(p.key), at: p.position})
		}
	}
	return texts
}

func (r *reader) sampling(o *object) map[string]int64 {
	shares := map[string]int64{}
	for _, name := range []string{"client", "random", "overall"} {
		shares[name] = 100
		if n, ok := o.integer(name, 0, 100); ok {
			shares[name] = n
		}
	}
	o.close()
	return shares
}

func (r *reader) labels(o *object) []map[string]string {
	var labels []map[string]string
	for _, item := range o.objects("labels") {
		label := map[string]string{"type": item.choice("type", "literal", "environment", "requestHeader")}
		label["name"], _ = item.needText("name")
		label["keyName"], _ = item.text("keyName")
		label["defaultValue"], _ = item.text("defaultValue")
		item.close()
		labels = append(labels, label)
	}
	return labels
}

// everywhere gives all APIs, or all services, the policies of the sections that
// hold for all, unless they bind them themselves, and counts what is limited.
func (b *builder) everywhere() {
	for _, c := range b.set.configurations {
		if c.mostAPIs > 0 && int64(len(b.apiList)) > c.mostAPIs {
			b.problems.errorf(c.at, "spec.resourceLimits.apiInstances", "there are %d APIs; raise the limit or remove some", len(b.apiList))
		}
		b.limitPolicies(c)
		if c.everywhere.Policy == "" {
			continue
		}
		policy, known := b.catalogue.Find(c.everywhere.Policy)
		if !known {
			b.problems.errorf(c.at, "spec."+c.section, "the catalogue has no policy %s", c.everywhere.Policy)
			continue
		}
		if policy.Outbound {
			for _, s := range b.serviceList {
				s.out.Policies = withFirst(s.out.Policies, c.everywhere)
			}
			continue
		}
		for _, api := range b.apiList {
			api.out.Policies = withFirst(api.out.Policies, c.everywhere)
		}
	}
}

func (b *builder) limitPolicies(c *configuration) {
	if c.mostPolicies == 0 {
		return
	}
	n := int64(0)
	for _, api := range b.apiList {
		n += int64(len(api.out.Policies))
	}
	if n > c.mostPolicies {
		b.problems.errorf(c.at, "spec.resourceLimits.policies", "%d policies are bound; raise the limit or remove some", n)
	}
}

// withFirst puts a binding first unless the policy is bound already.
func withFirst(bindings []revision.Binding, first revision.Binding) []revision.Binding {
	for _, one := range bindings {
		if one.Policy == first.Policy {
			return bindings
		}
	}
	return append([]revision.Binding{first}, bindings...)
}
