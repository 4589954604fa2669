package console

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	forms "farrier.dev/farrier/internal/console/form"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/resource"
)

// manageFormData is the form of a policy's settings.
type manageFormData struct {
	managed
	Policy resource.Policy
	Fields []forms.Field
	// API is namespace/name of the API that it is added to, or that it is bound to.
	API     string
	Back    string
	Key     resource.Key
	Version int64
	New     bool
	Enabled bool
}

func (c *console) policyOf(name string) (resource.Policy, forms.Schema, error) {
	p, known := c.Resources.Policy(name)
	if !known {
		return p, nil, control.ErrNotFound
	}
	schema, err := forms.Parse(p.Schema)
	return p, schema, err
}

func (c *console) manageAdd(w http.ResponseWriter, r *request) error {
	return c.showAdd(w, r, nil, nil, http.StatusOK, managed{})
}

// showAdd shows the form of a policy that is to be added.
func (c *console) showAdd(w http.ResponseWriter, r *request, settings json.RawMessage, errors map[string]string, status int, told managed) error {
	d := manageFormData{managed: c.managed(r), New: true, Enabled: true}
	d.Problem, d.Problems = told.Problem, told.Problems
	key := keyIn(r, resource.KindAPI)
	if _, err := c.Resources.Get(r.Context(), r.principal, d.Environment, key); err != nil {
		return err
	}
	d.API, d.Back = key.Namespace+"/"+key.Name, d.pathOf(key)
	var schema forms.Schema
	var err error
	if d.Policy, schema, err = c.policyOf(r.PathValue("policy")); err != nil {
		return err
	}
	if d.Fields, err = forms.Fields(schema, settings, errors); err != nil {
		return err
	}
	return c.render(w, r, status, "manageform", d.Policy.Title, d)
}

func (c *console) manageAdded(w http.ResponseWriter, r *request) error {
	if err := parseForm(r); err != nil {
		return err
	}
	_, schema, err := c.policyOf(r.PathValue("policy"))
	if err != nil {
		return err
	}
	m, key := c.managed(r), keyIn(r, resource.KindAPI)
	settings, wrong := forms.Read(schema, r.PostForm, nil)
	if r.PostForm.Get("more") == "" && len(wrong) == 0 {
		_, err := c.Resources.AddPolicy(r.Context(), r.principal, m.Environment, key.Namespace, key.Name, r.PathValue("policy"), settings)
		if err == nil {
			return see(w, r, m.pathOf(key)+"#policies")
		}
		if !m.refused(err) {
			return err
		}
	}
	return c.showAdd(w, r, settings, m.beside(wrong), http.StatusUnprocessableEntity, m)
}

// beside sorts problems into those that stand beside a field, which it returns, and
// those that stay above the form.
func (m *managed) beside(wrong []forms.Wrong) map[string]string {
	fields := map[string]string{}
	for _, one := range wrong {
		fields[one.Field] = spoken(one.Message)
		m.Problem = "This can’t be accepted yet; see the fields below."
	}
	var rest []resource.Problem
	for _, one := range m.Problems {
		field, inside := strings.CutPrefix(one.Field, "spec.config.")
		if !inside {
			if field, inside = strings.CutPrefix(one.Field, "spec.config"); field == "" {
				// Compiling names the field in its message, if any.
				if name, message, ok := strings.Cut(one.Message, ": "); ok && !strings.Contains(name, " ") {
					field, one.Message = name, message
				}
			}
		}
		if inside && field != "" {
			fields[field] = spoken(one.Message)
		}
		rest = append(rest, one)
	}
	m.Problems = rest
	return fields
}

// manageBinding shows the settings of a policy on an API.
func (c *console) manageBinding(w http.ResponseWriter, r *request) error {
	return c.showBinding(w, r, nil, nil, http.StatusOK, managed{})
}

// bound is what the form needs of a PolicyBinding.
type bound struct {
	TargetRef struct{ Kind, Name, Namespace string } `json:"targetRef"`
	PolicyRef struct{ Name string }                  `json:"policyRef"`
	Config    json.RawMessage                        `json:"config"`
}

func (c *console) bound(r *request) (resource.Resource, bound, error) {
	var b bound
	one, err := c.Resources.Get(r.Context(), r.principal, r.PathValue("environment"), keyIn(r, resource.KindBinding))
	if err != nil {
		return one, b, err
	}
	return one, b, json.Unmarshal(one.Spec, &b)
}

func (c *console) showBinding(w http.ResponseWriter, r *request, settings json.RawMessage, wrong map[string]string, status int, told managed) error {
	d := manageFormData{managed: c.managed(r), Enabled: true}
	d.Problem, d.Problems = told.Problem, told.Problems
	one, b, err := c.bound(r)
	if err != nil {
		return err
	}
	d.Key, d.Version, d.Back = one.Key(), one.Version, d.Base
	if b.TargetRef.Name != "" && (b.TargetRef.Kind == "" || b.TargetRef.Kind == resource.KindAPI) {
		namespace := b.TargetRef.Namespace
		if namespace == "" {
			namespace = one.Name.Namespace
		}
		d.API = namespace + "/" + b.TargetRef.Name
		d.Back = d.pathOf(resource.Key{Kind: resource.KindAPI, Namespace: namespace, Name: b.TargetRef.Name})
	}
	if version := r.PostForm.Get("version"); version != "" {
		d.Version = versionIn(r)
	}
	var schema forms.Schema
	if d.Policy, schema, err = c.policyOf(b.PolicyRef.Name); err != nil {
		if errors.Is(err, control.ErrNotFound) {
			// A policy of one's own has no form, but a manifest.
			return see(w, r, d.Base+"/resources/"+resource.KindBinding+"/"+url.PathEscape(d.Key.Namespace)+"/"+url.PathEscape(d.Key.Name))
		}
		return err
	}
	if settings == nil {
		settings = b.Config
	}
	if d.Fields, err = forms.Fields(schema, settings, wrong); err != nil {
		return err
	}
	return c.render(w, r, status, "manageform", d.Policy.Title, d)
}

func (c *console) manageBound(w http.ResponseWriter, r *request) error {
	if err := parseForm(r); err != nil {
		return err
	}
	one, b, err := c.bound(r)
	if err != nil {
		return err
	}
	_, schema, err := c.policyOf(b.PolicyRef.Name)
	if err != nil {
		return err
	}
	m := c.managed(r)
	settings, wrong := forms.Read(schema, r.PostForm, b.Config)
	if r.PostForm.Get("more") == "" && len(wrong) == 0 {
		_, err := c.Resources.ChangeBinding(r.Context(), r.principal, m.Environment, one.Key(), resource.BindingChange{Settings: settings}, versionIn(r))
		if err == nil {
			return see(w, r, m.back(r))
		}
		if !m.refused(err) {
			return err
		}
	}
	return c.showBinding(w, r, settings, m.beside(wrong), http.StatusUnprocessableEntity, m)
}

// manageTextData is the manifest of a resource, to be edited.
type manageTextData struct {
	managed
	Key      resource.Key
	Resource resource.Resource
	Version  int64
	Manifest string
}

func (c *console) manageText(w http.ResponseWriter, r *request) error {
	d := manageTextData{managed: c.managed(r), Key: keyIn(r, r.PathValue("kind"))}
	one, text, err := c.Resources.YAML(r.Context(), r.principal, d.Environment, d.Key)
	if err != nil {
		return err
	}
	d.Resource, d.Manifest, d.Version = one, string(text), one.Version
	return c.render(w, r, http.StatusOK, "managetext", d.Key.Name, d)
}

func (c *console) manageWrite(w http.ResponseWriter, r *request) error {
	if err := parseForm(r); err != nil {
		return err
	}
	d := manageTextData{managed: c.managed(r), Key: keyIn(r, r.PathValue("kind")), Manifest: r.PostForm.Get("text"), Version: versionIn(r)}
	_, err := c.Resources.PutYAML(r.Context(), r.principal, d.Environment, d.Key, []byte(strings.ReplaceAll(d.Manifest, "\r\n", "\n")), d.Version)
	if err == nil {
		return see(w, r, d.pathOf(d.Key))
	}
	if !d.refused(err) {
		return err
	}
	return c.render(w, r, http.StatusUnprocessableEntity, "managetext", d.Key.Name, d)
}
