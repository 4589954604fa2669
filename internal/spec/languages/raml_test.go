
// TestXMLOfTCK reads the cases of RAML's compatibility kit that have XML schemas.
func TestXMLOfTCK(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "..", "..", "..", "shared", "corpora", "raml-tck", "tests", "raml-1.0", "Types", "xsdscheme", "*", "*.raml"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skip("skipped: the corpus raml-tck is not beside the repository")
	}
	for _, file := range files {
		p, err := spec.OpenFolder(filepath.Dir(file), spec.ProjectLimits{})
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(file)
		if doc := readRAML(p, name); doc.Valid() == strings.Contains(name, "invalid") {
			t.Errorf("%s: valid is %v, problems: %v", file, doc.Valid(), doc.Problems)
		}
	}
	t.Logf("%d files", len(files))
	if len(files) < 10 {
		t.Errorf("only %d files were read", len(files))
	}
}
