package console

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/resource"
)

// orderedBinding is a policy in its new place, as the script of the page reads it.
type orderedBinding struct {
	Key     string `json:"key"`
	Version int64  `json:"version"`
	Order   int64  `json:"order"`
}

// manageOrder moves a policy up or down, or takes the whole order of a script, with the
// versions that it saw.
func (c *console) manageOrder(w http.ResponseWriter, r *request) error {
	if err := parseForm(r); err != nil {
		return err
	}
	m, key := c.managed(r), keyIn(r, resource.KindAPI)
	list, err := c.ownBindings(r, &m, key)
	if err != nil {
		return err
	}
	var order []resource.Key
	for _, one := range list {
		order = append(order, one.Resource)
	}
	if sent := r.PostForm["order"]; len(sent) > 0 {
		order = order[:0]
		for _, text := range sent {
			namespace, name, _ := strings.Cut(text, "/")
			order = append(order, resource.Key{Kind: resource.KindBinding, Namespace: namespace, Name: name})
		}
		if err := unchanged(list, r.PostForm["seen"]); err != nil {
			return err
		}
	} else {
		moved(order, r.PostForm.Get("up"), -1)
		moved(order, r.PostForm.Get("down"), 1)
	}
	if err := c.Resources.Reorder(r.Context(), r.principal, m.Environment, key.Namespace, key.Name, order); err != nil {
		return err
	}
	if wantsPage(r) {
		return see(w, r, m.pathOf(key)+"#policies")
	}
	if list, err = c.ownBindings(r, &m, key); err != nil {
		return err
	}
	out := make([]orderedBinding, len(list))
	for i, one := range list {
		out[i] = orderedBinding{one.Resource.Namespace + "/" + one.Resource.Name, one.Version, one.Order}
	}
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(map[string]any{"bindings": out})
}

// ownBindings are the policies of an API whose order can be changed.
func (c *console) ownBindings(r *request, m *managed, key resource.Key) ([]resource.Binding, error) {
	list, err := c.Resources.Bindings(r.Context(), r.principal, m.Environment, key.Namespace, key.Name)
	if err != nil {
		return nil, err
	}
	var own []resource.Binding
	for _, one := range list {
		if !one.Automated && !one.Inline {
			own = append(own, one)
		}
	}
	return own, nil
}

// unchanged refuses an order of policies of which one was changed since; seen are
// namespace/name=version.
func unchanged(list []resource.Binding, seen []string) error {
	versions := map[string]string{}
	for _, text := range seen {
		name, version, _ := strings.Cut(text, "=")
		versions[name] = version
	}
	for _, one := range list {
		if version, told := versions[one.Resource.Namespace+"/"+one.Resource.Name]; told && version != strconv.FormatInt(one.Version, 10) {
			return fmt.Errorf("%w: %s", control.ErrConflict, one.Policy)
		}
	}
	return nil
}
