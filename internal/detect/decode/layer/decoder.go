package layer

// Decoder is a way to decode a text.
type Decoder uint8

// The decoders, in the order in which they are asked.
const (
	// Gzip undoes gzip (RFC 1952).
	Gzip Decoder = iota
	// Deflate undoes zlib (RFC 1950) or, when named, bare deflate (RFC 1951).
	Deflate
	// Brotli undoes Brotli (RFC 7932), only when named: it has no magic.
	Brotli
	// Zstd undoes Zstandard (RFC 8878).
	Zstd
	// Java finds strings and class names in Java's serialised objects.
	Java
	// Objects finds names and strings in serialised objects of .NET, Python and
	// Ruby.
	Objects
	// UTF16 reads UTF-16 of either byte order.
	UTF16
	// Percent undoes one layer of percent encoding (RFC 3986) and %uXXXX.
	Percent
	// HTML undoes character references of HTML.
	HTML
	// JS undoes the escapes of JavaScript and JSON.
	JS
	// UTF7 undoes UTF-7 (RFC 2152).
	UTF7
	// Overlong reads overlong UTF-8.
	Overlong
	// Unicode writes characters that stand for ASCII ones (full-width, small,
	// mathematical) as ASCII.
	Unicode
	// JWT opens header and payload of a JSON Web Token (RFC 7519).
	JWT
	// Base64 undoes Base64 (RFC 4648, section 4), also in data URLs and in
	// longer text.
	Base64
	// Base64URL undoes the URL-safe alphabet (RFC 4648, section 5).
	Base64URL
	// Hex undoes two hexadecimal digits a byte.
	Hex
	// PHP finds strings and class names in PHP's serialised values.
	PHP
	// Protobuf finds text in protocol buffers without their schema.
	Protobuf
	// JSON says that the text looks like a JSON document.
	JSON
	// XML says that the text looks like XML.
	XML
	// FormPairs says that the text holds name=value pairs.
	FormPairs
	// YAML splits a block of YAML into its scalars.
	YAML
	// CSV splits lines of separated values into cells.
	CSV

	decoders
)

var decoderNames = [decoders]string{
	Gzip: "gzip", Deflate: "deflate", Brotli: "brotli", Zstd: "zstd", Java: "java", Objects: "objects", UTF16: "utf16",
	Percent: "percent", HTML: "html", JS: "js", UTF7: "utf7", Overlong: "overlong", Unicode: "unicode",
	JWT: "jwt", Base64: "base64", Base64URL: "base64url", Hex: "hex", PHP: "php", Protobuf: "protobuf",
	JSON: "json", XML: "xml", FormPairs: "form", YAML: "yaml", CSV: "csv",
}

// String gives the name that operators see and write.
func (d Decoder) String() string {
	if d < decoders {
		return decoderNames[d]
	}
	return "unknown"
}

// Parse gives the decoder of a name.
func Parse(name string) (Decoder, bool) {
	for d, n := range decoderNames {
		if n == name {
			return Decoder(d), true //nolint:gosec // an index of a small array
		}
	}
	return 0, false
}

// Set is a set of decoders.
type Set uint32

// SetOf gives the set of the given decoders.
func SetOf(ds ...Decoder) Set {
	var s Set
	for _, d := range ds {
		s |= 1 << d
	}
	return s
}

// Has tells whether d is in the set.
func (s Set) Has(d Decoder) bool { return s&(1<<d) != 0 }

// Without gives the set without the given decoders.
func (s Set) Without(ds ...Decoder) Set { return s &^ SetOf(ds...) }

// All is every decoder. With Protobuf among the enabled ones, binary text and
// Base64 of binary text is tried as protobuf.
const All = Set(1)<<decoders - 1

// Default is what is worth trying on any text: all but Protobuf, which is for
// those who expect it.
const Default = All &^ (1 << Protobuf)
