package openapi

import (
	"errors"
	"net/url"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/spec"
)

// references finds what the references of a description lead to.
type references struct {
	root *tree.Node
	// file is where root stands; values without a file stand there too.
	file string
	// project is nil where the description is one document.
	project *spec.Project
	// whole tells that references are meant within root, whatever file they stand
	// in: it was made of another language.
	whole bool
}

// maxChain is how many references may lead to one another.
const maxChain = 32

// resolve follows the references that stand in place of a value.
func (x *references) resolve(n *tree.Node) (*tree.Node, error) {
	for range maxChain {
		ref := n.Get("$ref")
		if ref == nil {
			return n, nil
		}
		target, err := x.target(ref)
		if err != nil {
			return nil, err
		}
		n = target
	}
	return nil, tree.Wrong(n, "more than %d references lead to one another", maxChain)
}

// target finds what one reference names.
func (x *references) target(ref *tree.Node) (*tree.Node, error) {
	if ref.Kind != tree.String {
		return nil, tree.Wrong(ref, "$ref must be a text")
	}
	if x.whole || x.project == nil {
		return x.within(ref)
	}
	from := ref.File()
	if from == "" {
		from = x.file
	}
	found, err := x.project.Target(from, ref.Text)
	switch {
	case err == nil:
		return found, nil
	case isAddress(ref.Text):
		return nil, tree.Wrong(ref, "the reference leads to another address, and nothing is read from the network; put a copy into the project")
	}
	return nil, tree.Wrong(ref, "%s", strings.ReplaceAll(err.Error(), "the reference leads nowhere", "the reference "+clip(ref.Text)+" leads nowhere"))
}

func isAddress(ref string) bool {
	u, err := url.Parse(ref)
	return err == nil && (u.Scheme != "" || u.Host != "")
}

// within follows a reference inside one document.
func (x *references) within(ref *tree.Node) (*tree.Node, error) {
	pointer, ok := strings.CutPrefix(ref.Text, "#")
	if !ok {
		return nil, tree.Wrong(ref, "the reference leads out of the document; bundle the description into one file")
	}
	steps, err := pointerSteps(pointer)
	if err != nil {
		return nil, tree.Wrong(ref, "%v", err)
	}
	found := x.root.At(steps...)
	if found == nil {
		return nil, tree.Wrong(ref, "the reference leads nowhere in the document")
	}
	return found, nil
}

// pointerSteps are the steps of a JSON pointer (RFC 6901) in a URI fragment.
func pointerSteps(pointer string) ([]string, error) {
	if pointer == "" || pointer == "/" {
		return nil, nil
	}
	if pointer[0] != '/' {
		return nil, errors.New("references to anchors are not read; write a JSON pointer, as #/components/schemas/NAME")
	}
	pointer, err := url.PathUnescape(pointer)
	if err != nil {
		return nil, errors.New("the reference is malformed")
	}
	steps := strings.Split(pointer[1:], "/")
	for i := range steps {
		steps[i] = strings.ReplaceAll(strings.ReplaceAll(steps[i], "~1", "/"), "~0", "~")
	}
	return steps, nil
}

// clip shortens what strangers wrote for a message.
func clip(text string) string {
	const most = 80
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
