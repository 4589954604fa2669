package manifest

import (
	"path/filepath"
	"strings"
	"time"

	"farrier.dev/farrier/internal/revision"
)

// LabelLifecycle is the label of an ApiInstance that tells the state of its
// version: active, deprecated or retired.
const LabelLifecycle = "lifecycle"

// The annotations of an ApiInstance.
const (
	// annotationSpecification is the file of its description, relative to the
	// manifest.
	annotationSpecification = "farrier/specification"
	// annotationDeprecated and annotationSunset are days, as 2026-12-31: from when
	// the version is deprecated, and when it ends.
	annotationDeprecated = "farrier/deprecated-since"
	annotationSunset     = "farrier/sunset"
	// annotationSuccessor is the URL of what takes its place.
	annotationSuccessor = "farrier/successor"
)

// AnnotationDisabled is the annotation of a PolicyBinding that is checked, but runs
// nowhere while its value is "true".
const AnnotationDisabled = "farrier/disabled"

const annotationPrefix = "farrier/"

// lifecycle is what the metadata of an API say beside its name.
type lifecycle struct {
	at            position
	specification *revision.Specification
	// binding is the policy deprecation for a version that is not active, nil for
	// one that is.
	binding *binding
}

// readLifecycle reads labels and annotations of an API.
func (r *reader) readLifecycle(h *header) lifecycle {
	l := lifecycle{at: h.at}
	if h.annotations == nil && h.labels[LabelLifecycle] == "" {
		return l
	}
	for name := range h.annotations {
		switch name {
		case annotationSpecification, annotationDeprecated, annotationSunset, annotationSuccessor:
		default:
			if strings.HasPrefix(name, annotationPrefix) {
				r.problems.errorf(h.at, "metadata.annotations", "unknown annotation %.60q; known are %s, %s, %s and %s",
					name, annotationSpecification, annotationDeprecated, annotationSunset, annotationSuccessor)
			}
		}
	}
	if file := h.annotations[annotationSpecification]; file != "" {
		l.specification = &revision.Specification{File: filepath.Join(filepath.Dir(h.at.file), filepath.FromSlash(file))}
		if !filepath.IsLocal(filepath.FromSlash(file)) {
			r.problems.errorf(h.at, "metadata.annotations", "%s must name a file below the folder of the manifest", annotationSpecification)
		}
	}
	l.binding = r.deprecation(h)
	return l
}

// deprecation is the policy of a version that is to end, or has ended.
func (r *reader) deprecation(h *header) *binding {
	state := h.labels[LabelLifecycle]
	since, sunset := r.day(h, annotationDeprecated), r.day(h, annotationSunset)
	switch state {
	case "", "active":
		if since != "" || sunset != "" {
			r.problems.errorf(h.at, "metadata.annotations", "the version is not deprecated; set the label lifecycle: deprecated")
		}
		return nil
	case "deprecated":
		if since == "" && sunset == "" {
			r.problems.errorf(h.at, "metadata.labels.lifecycle", "a deprecated version needs the annotation %s or %s", annotationDeprecated, annotationSunset)
			return nil
		}
	case "retired":
	default:
		r.problems.errorf(h.at, "metadata.labels.lifecycle", "must be active, deprecated or retired")
		return nil
	}
	config := &node{position: h.at, kind: mapping}
	add := func(key string, value any) {
		config.pairs = append(config.pairs, pair{h.at, key, &node{position: h.at, kind: scalar, value: value}})
	}
	for _, s := range []struct{ key, text string }{{"deprecatedSince", since}, {"sunset", sunset}, {"successor", h.annotations[annotationSuccessor]}} {
		if s.text != "" {
			add(s.key, s.text)
		}
	}
	if state == "retired" {
		add("ended", true)
	}
	b := &binding{
		header: header{kind: kindBinding, at: h.at, nameAt: h.at, nameField: "metadata.labels.lifecycle"},
		target: target{kind: kindAPI, name: h.name, at: h.at},
		policy: policyRef{name: revision.Name{Namespace: defaultNamespace, Name: "deprecation"}, at: h.at, path: "metadata.labels.lifecycle"},
		config: config, configPath: "metadata.annotations", configAt: h.at, order: defaultOrder, path: "metadata",
	}
	b.name = revision.Name{Namespace: h.name.Namespace, Name: h.name.Name + "-lifecycle"}
	return b
}

// day reads an annotation that is a day, as the moment at which it begins.
func (r *reader) day(h *header, annotation string) string {
	text := h.annotations[annotation]
	if text == "" {
		return ""
	}
	if _, err := time.Parse(time.DateOnly, text); err != nil {
		r.problems.errorf(h.at, "metadata.annotations", "%s must be a day, as 2026-12-31", annotation)
		return ""
	}
	return text + "T00:00:00Z"
}

// bindLifecycle binds the policy deprecation to versions that are not active,
// where nobody did.
func (b *builder) bindLifecycle() {
	for _, api := range b.apiList {
		l := api.lifecycle.binding
		if l == nil {
			continue
		}
		bound := false
		for _, a := range api.bound {
			bound = bound || a.is("deprecation")
		}
		if !bound {
			b.attach(l, b.apply(l), api)
		}
	}
}
