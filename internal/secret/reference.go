package secret

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// fileLimit bounds what a file: reference may bring in, in bytes.
const fileLimit = 64 << 10

// reference is the only form that is read as an environment reference: the
// whole string, $NAME or ${NAME}.
var reference = regexp.MustCompile(`^\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)\})$`)

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// OwnVariables is how the environment variables of Farrier's own settings begin. Who
// writes what is served must not read them: they may hold the master key.
const OwnVariables = "FARRIER_"

// MissingError says that a setting refers to an environment variable that is
// not set.
type MissingError struct {
	// Name is the variable's name.
	Name string
}

// Error names the variable and how to mend it.
func (e *MissingError) Error() string {
	return fmt.Sprintf("environment variable %s is not set; set it, or write $$ for a literal $", e.Name)
}

// Expander replaces references by the values they stand for. The zero value
// refuses every reference.
type Expander struct {
	// Lookup finds an environment variable; false says that it is not set.
	Lookup func(name string) (string, bool)
	// Stored gives the value of a reference to a kept secret, ${secret:GROUP/NAME};
	// nil refuses those.
	Stored func(ref Stored) (string, error)
	// Vault gives what a reference vault: leads to, by what follows the colon; nil
	// refuses those.
	Vault func(ref string) (string, error)
}

// Environ is the expander that looks into the environment of this process.
func Environ() Expander { return Expander{Lookup: os.LookupEnv} }

// Variable is the environment variable that a setting refers to, when it is a
// reference to one: $NAME or ${NAME}.
func Variable(value string) (name string, ok bool) {
	m := reference.FindStringSubmatch(value)
	if m == nil {
		return "", false
	}
	return m[1] + m[2], true
}

// Expand returns the value of the environment variable when value as a whole is
// $NAME or ${NAME}; a variable that is not set is a *MissingError. A leading $$
// stands for one literal $. Everything else, as "cost $5" or "$1abc", is
// literal, and what came out of a variable is not expanded again.
func (e Expander) Expand(value string) (string, error) {
	if !strings.HasPrefix(value, "$") {
		return value, nil
	}
	if strings.HasPrefix(value, "$$") {
		return value[1:], nil
	}
	if IsStored(value) {
		return e.stored(value)
	}
	name, ok := Variable(value)
	if !ok {
		return value, nil
	}
	if strings.HasPrefix(name, OwnVariables) {
		return "", fmt.Errorf("environment variable %s: those that begin with %s are settings of Farrier itself, which resources can't read", name, OwnVariables)
	}
	return e.variable(name)
}

func (e Expander) stored(value string) (string, error) {
	ref, err := ParseStored(value)
	if err != nil {
		return "", err
	}
	if e.Stored == nil {
		return "", fmt.Errorf("secret %s/%s: references to kept secrets are not allowed here", ref.Group, ref.Name)
	}
	found, err := e.Stored(ref)
	if err != nil {
		return "", fmt.Errorf("secret %s/%s: %w", ref.Group, ref.Name, err)
	}
	return found, nil
}

func (e Expander) variable(name string) (string, error) {
	if e.Lookup == nil {
		return "", fmt.Errorf("environment variable %s: references to the environment are not allowed here", name)
	}
	found, ok := e.Lookup(name)
	if !ok {
		return "", &MissingError{Name: name}
	}
	if !utf8.ValidString(found) {
		return "", fmt.Errorf("environment variable %s is not valid UTF-8", name)
	}
	return found, nil
}

// ExpandJSON expands every string value of a JSON document, not its keys, and
// leaves all other bytes as they are. It reports every reference that can not
// be expanded, each with its path as "identity.secrets[2]".
func (e Expander) ExpandJSON(raw json.RawMessage) (json.RawMessage, error) {
	if !json.Valid(raw) {
		return nil, errors.New("expanding references: the text is not valid JSON")
	}
	var (
		out  bytes.Buffer
		errs []error
		at   jsonPath
		done int // raw[:done] is in out, or replaced
	)
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	for {
		before := dec.InputOffset()
		token, err := dec.Token()
		if err == io.EOF { //nolint:errorlint // Token returns io.EOF itself
			break
		}
		if err != nil {
			return nil, fmt.Errorf("expanding references: %w", err)
		}
		text, ok := at.step(token)
		if !ok {
			continue
		}
		expanded, err := e.Expand(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", at.place(), err))
			continue
		}
		if expanded == text {
			continue
		}
		// Between two tokens stand only blanks, commas and colons.
		start := int(before) + bytes.IndexByte(raw[before:], '"')
		quoted, err := json.Marshal(expanded)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", at.place(), err)
		}
		out.Write(raw[done:start])
		out.Write(quoted)
		done = int(dec.InputOffset())
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	out.Write(raw[done:])
	return out.Bytes(), nil
}

// jsonPath follows the tokens of a document and knows where the last one stands.
type jsonPath []jsonLevel

type jsonLevel struct {
	object bool
	inside bool   // an object's key was read and its value comes next
	key    string // the last key of an object
	index  int    // the index of the current element of an array, -1 before the first
}

// step takes the next token. It returns the text of a string value and true, or
// false for everything else, keys included.
func (p *jsonPath) step(token json.Token) (string, bool) {
	if d, ok := token.(json.Delim); ok && (d == '}' || d == ']') {
		*p = (*p)[:len(*p)-1]
		return "", false
	}
	if n := len(*p); n > 0 {
		top := &(*p)[n-1]
		switch {
		case !top.object:
			top.index++
		case !top.inside:
			top.key, _ = token.(string)
			top.inside = true
			return "", false
		default:
			top.inside = false
		}
	}
	switch t := token.(type) {
	case json.Delim:
		*p = append(*p, jsonLevel{object: t == '{', index: -1})
	case string:
		return t, true
	}
	return "", false
}

// place is the path of the last value for people.
func (p jsonPath) place() string {
	var b strings.Builder
	for _, level := range p {
		switch {
		case !level.object:
			b.WriteString("[" + strconv.Itoa(level.index) + "]")
		case b.Len() == 0:
			b.WriteString(level.key)
		default:
			b.WriteString("." + level.key)
		}
	}
	if b.Len() == 0 {
		return "the value"
	}
	return b.String()
}

// Resolve returns the secret that a reference points to: env:NAME is an
// environment variable, file:/path the contents of a file (absolute path, at
// most 64 KiB, one line end at the end is cut off), vault:MOUNT/PATH#FIELD a field
// of a secret in HashiCorp Vault. Anything else is refused and not repeated in the error, because it
// may be the secret itself, written in the wrong place.
func (e Expander) Resolve(ref string) (string, error) {
	scheme, rest, _ := strings.Cut(ref, ":")
	switch scheme {
	case "env":
		if !variableName.MatchString(rest) {
			return "", errors.New("reference env: must name an environment variable of letters, digits and underscores")
		}
		return e.variable(rest)
	case "file":
		if !filepath.IsAbs(rest) {
			return "", errors.New("reference file: must hold an absolute path, as file:/run/secrets/name")
		}
		return readSecretFile(rest)
	case "vault":
		if e.Vault == nil {
			return "", errors.New("reference vault: no Vault is set up; set vault.address, or use env:NAME or file:/path")
		}
		return e.Vault(rest)
	default:
		return "", errors.New("this is not a reference to a secret; use env:NAME or file:/path")
	}
}

func readSecretFile(path string) (string, error) {
	// The name is asked before the file is opened: opening a pipe would wait for its writer.
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("reading a secret: %w", err)
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("reading a secret: %s is not a regular file", path)
	}
	f, err := os.Open(path) //nolint:gosec // the path is the operator's own setting
	if err != nil {
		return "", fmt.Errorf("reading a secret: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read from
	text, err := io.ReadAll(io.LimitReader(f, fileLimit+1))
	if err != nil {
		return "", fmt.Errorf("reading a secret: %w", err)
	}
	if len(text) > fileLimit {
		return "", fmt.Errorf("reading a secret: %s is longer than %d bytes", path, fileLimit)
	}
	value := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	if value == "" {
		return "", fmt.Errorf("reading a secret: %s is empty", path)
	}
	if !utf8.ValidString(value) {
		return "", fmt.Errorf("reading a secret: %s is not valid UTF-8", path)
	}
	return value, nil
}
