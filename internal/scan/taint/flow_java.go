package taint

import (
	"regexp"
	"strings"

	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/mule"
)

// The bounds of what is read of Java.
const (
	maxJavaFiles = 500
	maxJavaBytes = 1 << 20
	maxJavaDeep  = 6
)

// javaSources are the classes of a project as far as sinks need them: which methods
// name what does harm, and which methods they call. They are read as words, not as
// Java, so that a call is found by its name alone.
type javaSources struct {
	files []*mule.File
	// methods are by their names; those of a class by "Class.name", too.
	methods map[string][]*javaMethod
	classes map[string]bool
}

type javaMethod struct {
	class, name string
	kinds       Kind
	calls       []string
}

// dangers are what a method must name to do harm with what it is given.
var dangers = []struct {
	kind  Kind
	words []string
}{
	{Command, []string{"ProcessBuilder", "Runtime.getRuntime", ".exec(", "DefaultExecutor", "CommandLine.parse"}},
	{FilePath, []string{"new File(", "new java.io.File(", "Paths.get(", "Path.of(", "FileInputStream(", "FileReader(", "FileWriter(", "FileOutputStream(", "RandomAccessFile("}},
	{SQL, []string{"createStatement(", ".executeQuery(", ".executeUpdate(", "createNativeQuery("}},
	{URL, []string{"new URL(", "new java.net.URL(", "URI.create(", "new URI(", "HttpGet(", "HttpPost(", "openConnection("}},
	{Code, []string{"ScriptEngine", "GroovyShell", "SpelExpressionParser", "MVEL.eval", "Ognl.getValue", "Class.forName("}},
	{ClassName, []string{"Class.forName(", "loadClass("}},
	{Object, []string{"ObjectInputStream(", "readObject(", "XMLDecoder(", "XStream("}},
	{XML, []string{"DocumentBuilderFactory", "SAXParserFactory", "XMLInputFactory", "SAXReader("}},
	{LDAP, []string{"DirContext", "LdapContext"}},
	{XPath, []string{"XPathFactory", ".evaluate("}},
}

var (
	javaComments = regexp.MustCompile(`(?s)/\*.*?\*/|//[^\n]*`)
	javaMembers  = regexp.MustCompile(`([A-Za-z_$][\w$]*)\s*\([^(){};]*\)\s*(?:throws\s+[\w$.,\s]+?)?\s*\{`)
	javaCalls    = regexp.MustCompile(`(?:([A-Za-z_$][\w$]*)\s*\.\s*)?([A-Za-z_$][\w$]*)\s*\(`)
	javaClass    = regexp.MustCompile(`\b(?:class|interface|enum|record)\s+([A-Za-z_$][\w$]*)`)
)

func (j *javaSources) read() {
	if j.methods != nil {
		return
	}
	j.methods, j.classes = map[string][]*javaMethod{}, map[string]bool{}
	for i, f := range j.files {
		if i >= maxJavaFiles || len(f.Text) > maxJavaBytes {
			continue
		}
		j.file(javaComments.ReplaceAllString(string(f.Text), " "))
	}
}

func (j *javaSources) file(text string) {
	class := ""
	if m := javaClass.FindStringSubmatch(text); m != nil {
		class = m[1]
	}
	j.classes[class] = true
	end := 0
	for _, at := range javaMembers.FindAllStringSubmatchIndex(text, -1) {
		name := text[at[2]:at[3]]
		switch name {
		case "if", "for", "while", "switch", "catch", "synchronized", "try":
			continue
		}
		if at[0] < end {
			continue // an anonymous class in a method: that method has its words
		}
		end = blockEnd(text, at[1])
		m := &javaMethod{class: class, name: name}
		m.look(text[at[1]:end])
		j.methods[class+"."+name] = append(j.methods[class+"."+name], m)
	}
}

func (m *javaMethod) look(body string) {
	for _, d := range dangers {
		for _, w := range d.words {
			if strings.Contains(body, w) {
				m.kinds |= d.kind
				break
			}
		}
	}
	seen := map[string]bool{}
	for _, c := range javaCalls.FindAllStringSubmatch(body, 200) {
		owner := c[1]
		if owner == "" || owner == "this" || owner == "super" {
			owner = m.class
		}
		for _, key := range [...]string{owner + "." + c[2], "*." + c[2]} {
			if !seen[key] {
				seen[key] = true
				m.calls = append(m.calls, key)
			}
		}
	}
}

// blockEnd is where the block that begins at a place ends.
func blockEnd(text string, at int) int {
	depth := 1
	for i := at; i < len(text); i++ {
		switch text[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i
			}
		case '"', '\'':
			quote := text[i]
			for i++; i < len(text) && text[i] != quote && text[i] != '\n'; i++ {
				if text[i] == '\\' {
					i++
				}
			}
		}
	}
	return len(text)
}

// reaches says whether a method, as "com::acme::Tool::run" or "com.acme.Tool.run",
// comes to code that does harm of a kind with what it is given.
func (j *javaSources) reaches(method string, kind Kind) bool {
	if kind == 0 {
		return true
	}
	j.read()
	parts := strings.FieldsFunc(method, func(c rune) bool { return c == ':' || c == '.' || c == '/' })
	if len(parts) < 2 {
		return false
	}
	class, name := parts[len(parts)-2], parts[len(parts)-1]
	if name == "new" {
		name = class
	}
	return j.comesTo(class+"."+name, kind, map[string]bool{}, 0)
}

func (j *javaSources) comesTo(key string, kind Kind, seen map[string]bool, depth int) bool {
	if seen[key] || depth > maxJavaDeep {
		return false
	}
	seen[key] = true
	for _, m := range j.methods[key] {
		if m.kinds&kind != 0 {
			return true
		}
		for _, c := range m.calls {
			if rest, any := strings.CutPrefix(c, "*."); any {
				// A method of an object: of whichever class of the project has it.
				for class := range j.classes {
					if j.comesTo(class+"."+rest, kind, seen, depth+1) {
						return true
					}
				}
				continue
			}
			if j.comesTo(c, kind, seen, depth+1) {
				return true
			}
		}
	}
	return false
}

// scriptDangers are what a script must name to run commands.
var scriptDangers = []string{"ProcessBuilder", "Runtime.", "getRuntime", ".execute(", "os.system", "subprocess", "os.popen", "exec(", "child_process"}

// reaches says whether what an element is given comes to code that does the harm
// of a sink: methods of Java are only as dangerous as what they do.
func (r *run) reaches(e *document.Element, s *Sink) bool {
	switch {
	case e.Name.Space == nsJava && strings.HasSuffix(s.Argument, "args"):
		method, _, _ := strings.Cut(e.Value("method")+e.Value("constructor"), "(")
		if e.Name.Local == "new" {
			method = "new"
		}
		return r.java.reaches(e.Value("class")+"."+method, s.Kind)
	case e.Name.Space == nsScripting && s.Kind == Command:
		code := ""
		if c := childNamed(e, "code"); c != nil {
			if t := c.Content(); t != nil {
				code = t.Value.Text
			}
		}
		for _, w := range scriptDangers {
			if strings.Contains(code, w) {
				return true
			}
		}
		return strings.Contains(code, "${file::")
	}
	return true
}

// callJava runs java:invoke and its kin: what they give is made of what they are given.
func (r *run) callJava(e *document.Element, ev *event) *event {
	r.sinksOf(e, ev)
	switch e.Name.Local {
	case "new", "invoke", "invoke-static":
		v := &Value{Opaque: true, weight: 1, depth: 1}
		for _, c := range e.Elements() {
			if c.Name.Local == "args" {
				v.Marks = Marks(r.content(c, ev))
			}
		}
		if i := r.attr(e, "instance", ev); i != nil {
			v.Marks = mergeMarks(v.Marks, Marks(i))
		}
		v.Marks = withoutWhole(v.Marks)
		return r.deliver(e, ev, Stepped(v, r.place(e), "goes through "+name(e)), Of(AnyType))
	case "is-instance-of":
		return r.deliver(e, ev, Of(BoolType), Of(AnyType))
	}
	return ev
}
