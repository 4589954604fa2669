package mule

import (
	"errors"

	"farrier.dev/farrier/internal/encoding/tree"
)

// maxArtifact bounds mule-artifact.json, in bytes and values.
const maxArtifact, maxArtifactNodes = 1 << 20, 20_000

// readArtifact reads mule-artifact.json into the project; what is wrong with it
// becomes a problem of the project.
func readArtifact(p *Project) {
	file := p.Files["mule-artifact.json"]
	if file == nil {
		file = p.Files["META-INF/mule-artifact/mule-artifact.json"]
	}
	if file == nil {
		return
	}
	root, err := tree.Read(&tree.Source{Name: file.Path, Text: file.Text}, tree.Options{MaxBytes: maxArtifact, MaxNodes: maxArtifactNodes})
	if err == nil && !root.Is(tree.Object) {
		err = tree.Wrong(root, "must be an object")
	}
	if err != nil {
		p.Problems = append(p.Problems, treeProblem(file, err))
		return
	}
	p.Artifact = &Artifact{
		File: file, Root: root,
		MinMuleVersion:     root.Get("minMuleVersion").Str(),
		SecureProperties:   texts(root.Get("secureProperties")),
		JavaSpecifications: texts(root.Get("javaSpecificationVersions")),
		RequiredProduct:    root.Get("requiredProduct").Str(),
		LogConfig:          root.Get("logConfigFile").Str(),
		Bundle:             root.Get("bundleDescriptorLoader").Get("id").Str(),
		ExportedPackages:   texts(root.At("classLoaderModelLoaderDescriptor", "attributes", "exportedPackages")),
		Configs:            texts(root.Get("configs")),
	}
}

// texts are the texts and numbers of a list.
func texts(list *tree.Node) []string {
	var out []string
	for _, item := range list.List() {
		if item.Is(tree.String) || item.Is(tree.Number) {
			out = append(out, item.Text)
		}
	}
	return out
}

// treeProblem is the problem that an error of package tree tells.
func treeProblem(file *File, err error) Problem {
	problem := Problem{File: file.Name, Message: err.Error()}
	var wrong *tree.Error
	if errors.As(err, &wrong) {
		problem.Line, problem.Column, problem.Message = wrong.Line, wrong.Column, wrong.Problem
	}
	return problem
}
