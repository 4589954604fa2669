package manifest

import (
	"encoding/base64"
	"regexp"
	"strings"
	"time"

	"farrier.dev/farrier/internal/revision"
)

const (
	kindAPI           = "ApiInstance"
	kindService       = "Service"
	kindBinding       = "PolicyBinding"
	kindConfiguration = "Configuration"
	kindExtension     = "Extension"
	kindSecret        = "Secret"
	kindContract      = "Contract"
	kindSelector      = "Selector"

	defaultNamespace = "default"
)

var (
	versions = []string{"gateway.mulesoft.com/v1alpha1", "gateway.mulesoft.com/v1beta1"}
	kinds    = []string{kindAPI, kindService, kindBinding, kindConfiguration, kindExtension, kindSecret, kindContract}
)

// header is what all resources have in common.
type header struct {
	kind   string
	name   revision.Name
	labels map[string]string
	// annotations are those of the metadata.
	annotations map[string]string
	at          position
	// nameAt is the place of metadata.name, nameField its path; those of an
	// inline resource are its own.
	nameAt    position
	nameField string
}

var resourceName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?$`)

// resource reads one document. One of which not even kind and name are known,
// or not what it binds, makes the set unsure; any other counts as there, however
// wrong its fields are.
func (r *reader) resource(root *node) {
	o := r.object(root, root.position, "")
	if o == nil {
		r.set.unsure = true
		return
	}
	if root.find("kind") == nil {
		o.rename("Kind", "kind")
	}
	version, _ := o.needText("apiVersion")
	if version != "" && !known(o, "apiVersion", version, versions) {
		r.set.unsure = true
		return
	}
	h := header{at: root.position}
	h.kind, _ = o.needText("kind")
	if h.kind != "" && !known(o, "kind", h.kind, kinds) {
		r.set.unsure = r.set.unsure || closest(h.kind, kinds) != ""
		return
	}
	r.metadata(o, &h)
	spec := o.needObject("spec")
	o.close()
	if h.kind == "" || h.name.Name == "" {
		r.set.unsure = true
		return
	}
	r.spec(h, spec)
	spec.close()
}

func known(o *object, key, value string, words []string) bool {
	for _, word := range words {
		if word == value {
			return true
		}
	}
	mend := "must be one of " + strings.Join(words, ", ")
	if near := closest(value, words); near != "" {
		mend = "did you mean " + near + "?"
	}
	o.errorf(o.n.find(key).position, key, "unknown, so the resource would be ignored; %s", mend)
	return false
}

func (r *reader) metadata(o *object, h *header) {
	metadata := o.needObject("metadata")
	h.nameAt, h.nameField = h.at, "metadata.name"
	h.name.Namespace = defaultNamespace
	if metadata == nil {
		return
	}
	check := func(key, text string) string {
		if !resourceName.MatchString(text) {
			metadata.errorf(metadata.n.find(key).position, key,
				"must be at most 253 letters, digits, dots, dashes and underscores, and begin and end with a letter or digit")
			return ""
		}
		return text
	}
	if name, ok := metadata.needText("name"); ok {
		h.nameAt = metadata.n.find("name").position
		h.name.Name = check("name", name)
	}
	if namespace, ok := metadata.text("namespace"); ok {
		if h.name.Namespace = check("namespace", namespace); h.name.Namespace == "" {
			h.name.Name = ""
		}
	}
	h.labels = metadata.words("labels")
	h.annotations = metadata.words("annotations")
	metadata.close()
}

func (r *reader) spec(h header, spec *object) {
	s := r.set
	switch h.kind {
	case kindAPI:
		s.apis = append(s.apis, r.apiInstance(h, spec))
	case kindService:
		s.services = append(s.services, r.service(h, spec))
	case kindBinding:
		b := r.binding(h, spec)
		s.bindings = append(s.bindings, b)
		s.unsure = s.unsure || b.target.kind == "" || b.policy.name.Name == ""
	case kindConfiguration:
		s.configurations = append(s.configurations, r.configuration(h, spec))
	case kindExtension:
		s.extensions = append(s.extensions, r.extension(h, spec))
	case kindSecret:
		r.secret(spec)
		s.secrets = append(s.secrets, &h)
		r.problems.warnf(h.at, "spec.tls", "no setting refers to a Secret; write the PEM text into certificate.crt and certificate.key of the tls policy")
	case kindContract:
		s.contracts = append(s.contracts, r.contract(h, spec))
	}
}

// secret checks a Secret; its content is not kept.
func (r *reader) secret(spec *object) {
	tls := spec.needObject("tls")
	for _, key := range []string{"crt", "key"} {
		text, ok := tls.needText(key)
		if !ok {
			continue
		}
		if _, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), "")); err != nil {
			tls.errorf(tls.n.find(key).position, key, "must be base64 text")
		}
	}
	tls.close()
}

// contract gives a client application access to one API. Its keys, which the
// original does not document, are ours: apiId is the API's name, or
// namespace/name; client has id, secret and name, and secrets of which only the hash
// is known, each perhaps until a moment; sla has a name and limits, each with
// maximumRequests, timePeriodInMilliseconds and perhaps burst; state is PENDING,
// APPROVED, REJECTED or REVOKED. One with the annotation farrier/optional gives
// way: it is passed over where its API is not there, or another contract names its
// client.
type contract struct {
	header
	api    revision.Name
	apiAt  position
	client revision.Client
	// idAt and secretAt are the places of client.id and client.secret.
	idAt, secretAt position
	optional       bool
}

// annotationOptional lets a contract give way to what is missing or there already.
const annotationOptional = annotationPrefix + "optional"

// maxSecrets bounds the hashed secrets of one client: the present one and those
// that were replaced.
const maxSecrets = 10

// hashOf is the form of a hashed secret.
var hashOf = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// hashedSecrets reads the secrets of which only the hash is known.
func (r *reader) hashedSecrets(client *object) []revision.HashedSecret {
	var all []revision.HashedSecret
	for i, item := range client.objects("secrets") {
		if i == maxSecrets {
			client.errorf(client.n.find("secrets").position, "secrets", "more than %d secrets", maxSecrets)
			break
		}
		var one revision.HashedSecret
		if hash, ok := item.needText("hash"); ok {
			if one.Hash = hash; !hashOf.MatchString(hash) {
				item.errorf(item.n.find("hash").position, "hash", "must be sha256: and 64 hexadecimal digits in lower case; that of a secret is told by sha256sum")
			}
		}
		if until, ok := item.text("until"); ok {
			at, err := time.Parse(time.RFC3339, until)
			if one.Until = at.UTC(); err != nil {
				item.errorf(item.n.find("until").position, "until", "must be a moment as 2026-01-31T12:00:00Z")
			}
		}
		item.close()
		all = append(all, one)
	}
	return all
}

func (r *reader) contract(h header, spec *object) *contract {
	c := &contract{header: h, optional: h.annotations[annotationOptional] == "true"}
	if id, ok := spec.needText("apiId"); ok {
		c.apiAt = spec.n.find("apiId").position
		c.api = revision.Name{Namespace: h.name.Namespace, Name: id}
		if namespace, name, both := strings.Cut(id, "/"); both {
			c.api = revision.Name{Namespace: namespace, Name: name}
		}
	}
	c.client.Source = h.at.source()
	client := spec.needObject("client")
	if id, ok := client.needText("id"); ok {
		c.client.ID, c.idAt = id, client.n.find("id").position
	}
	if secret, ok := client.text("secret"); ok {
		c.client.Secret, c.secretAt = secret, client.n.find("secret").position
	}
	c.client.Secrets = r.hashedSecrets(client)
	c.client.Name, _ = client.text("name")
	client.close()
	sla := spec.object("sla")
	if sla != nil {
		c.client.Tier, _ = sla.needText("name")
	}
	for _, item := range sla.objects("limits") {
		item.need("maximumRequests")
		item.need("timePeriodInMilliseconds")
		requests, _ := item.integer("maximumRequests", 1, 1e15)
		period, _ := item.integer("timePeriodInMilliseconds", 1, 1e12)
		burst, _ := item.integer("burst", 1, 1e15)
		c.client.Limits = append(c.client.Limits, revision.Limit{MaximumRequests: requests, TimePeriodInMilliseconds: period, Burst: burst})
		item.close()
	}
	sla.close()
	if state := spec.choice("state", "APPROVED", "PENDING", "REJECTED", "REVOKED"); state != "APPROVED" {
		c.client.State = state
	}
	return c
}
