package taint

import "strings"

// model is what is known of a function of DataWeave.
type model struct {
	result result
	// typ is the type of the result, clean what it is harmless for.
	typ   Type
	clean Kind
	// body is the argument that is a function, counted from 1, 0 for none; params are
	// what it is called with: e an element, i an index, k a key, v a value, a what was
	// gathered, x the first argument.
	body   int
	params string
}

// result is how the result of a function is made of its arguments.
type result uint8

// The results.
const (
	// mixed holds all that the arguments hold; cleared nothing of it; first is what
	// the first argument holds, as a text; sameShape the first argument itself, changed;
	// last the last one.
	mixed result = iota
	cleared
	numeric
	first
	sameShape
	last
	anElement
	someElements
	filteredElements
	mappedElements
	flatMapped
	mappedObject
	pluckedObject
	grouped
	reduced
	fromBody
	keys
	entries
	flattened
	zipped
	unzipped
	joinedBy
	splitBy
	withReplacement
	replacedAll
	afterLast
	found
	readIn
	written
	property
	lookedUp
	randomly
	decoded
	attempted
	least
	remote
)

// group are functions of a module that are alike.
type group struct {
	module string
	model  model
	names  string
}

const (
	coreModule    = "dw::Core"
	stringsModule = "dw::core::Strings"
	arraysModule  = "dw::core::Arrays"
	objectsModule = "dw::core::Objects"
)

// Hashes and encodings leave few characters. A hash keeps no secret either.
const (
	hashed    = Injection | Output | Stored
	hexed     = Injection
	base64ed  = Injection &^ (URLPath | FilePath | URL | CSV)
	percented = URLPath | URL | FilePath | Log | Header | XML
)

// library are the functions of DataWeave and Mule by module and name.
var library = makeLibrary([]group{
	{coreModule, model{result: cleared, typ: NumberType}, "sizeOf daysBetween indexOf lastIndexOf find ceil floor round abs mod pow sqrt"},
	{coreModule, model{result: cleared, typ: BoolType}, "isEmpty isBlank isDecimal isInteger isEven isOdd isLeapYear contains startsWith endsWith matches not and or"},
	{coreModule, model{result: cleared, typ: DateType}, "now"},
	{coreModule, model{result: cleared, typ: TextType}, "uuid typeOf evaluateCompatibilityFlag xsiType"},
	{coreModule, model{result: randomly, typ: NumberType}, "random randomInt"},
	{coreModule, model{result: numeric, typ: NumberType}, "sum avg"},
	{coreModule, model{result: sameShape}, "lower upper trim"},
	{coreModule, model{result: someElements}, "onNull reverse"},
	{coreModule, model{result: filteredElements, body: 2, params: "ei"}, "filter orderBy distinctBy"},
	{coreModule, model{result: filteredElements, body: 2, params: "vki"}, "filterObject"},
	{coreModule, model{result: mappedElements, body: 2, params: "ei"}, "map"},
	{coreModule, model{result: flatMapped, body: 2, params: "ei"}, "flatMap"},
	{coreModule, model{result: mappedObject, body: 2, params: "vki"}, "mapObject"},
	{coreModule, model{result: pluckedObject, body: 2, params: "vki"}, "pluck"},
	{coreModule, model{result: grouped, body: 2, params: "ei"}, "groupBy"},
	{coreModule, model{result: reduced, body: 2, params: "ea"}, "reduce"},
	{coreModule, model{result: anElement, body: 2, params: "e"}, "maxBy minBy"},
	{coreModule, model{result: fromBody, body: 2, params: "x"}, "then"},
	{coreModule, model{result: least}, "min max"},
	{coreModule, model{result: keys}, "keysOf namesOf keySet nameSet"},
	{coreModule, model{result: someElements}, "valuesOf valueSet"},
	{coreModule, model{result: entries}, "entriesOf entrySet"},
	{coreModule, model{result: flattened}, "flatten"},
	{coreModule, model{result: zipped}, "zip"},
	{coreModule, model{result: unzipped}, "unzip"},
	{coreModule, model{result: joinedBy}, "joinBy"},
	{coreModule, model{result: splitBy}, "splitBy"},
	{coreModule, model{result: sameShape}, "replace"},
	{coreModule, model{result: withReplacement}, "with"},
	{coreModule, model{result: found}, "scan match"},
	{coreModule, model{result: last}, "log logInfo logDebug logWarn logError"},
	{coreModule, model{result: readIn}, "read"},
	{coreModule, model{result: remote}, "readUrl"},
	{coreModule, model{result: written, typ: TextType}, "write"},
	{coreModule, model{result: first, typ: TextType}, "native substring"},
	{coreModule, model{result: property}, "p"},
	{coreModule, model{result: lookedUp}, "lookup"},
	{coreModule, model{result: cleared, typ: BoolType}, "causedBy"},
	{"Mule", model{result: property}, "p"},
	{"Mule", model{result: lookedUp}, "lookup"},
	{"Mule", model{result: cleared, typ: BoolType}, "causedBy"},

	{stringsModule, model{result: first, typ: TextType}, "camelize capitalize dasherize underscore pluralize singularize substring substringBefore substringBeforeLast substringAfter reverse repeat withMaxSize first last unwrap leftPad rightPad remove collapse lines words chars substringEvery substringBy interpolate"},
	{stringsModule, model{result: mixed, typ: TextType}, "appendIfMissing prependIfMissing wrapIfMissing wrapWith"},
	{stringsModule, model{result: afterLast, typ: TextType}, "substringAfterLast"},
	{stringsModule, model{result: replacedAll, typ: TextType}, "replaceAll"},
	{stringsModule, model{result: cleared, typ: BoolType}, "isAlpha isAlphanumeric isNumeric isLowerCase isUpperCase isWhitespace"},
	{stringsModule, model{result: cleared, typ: BoolType, body: 2, params: "e"}, "everyCharacter someCharacter"},
	{stringsModule, model{result: cleared, typ: NumberType}, "charCode charCodeAt countMatches hammingDistance levenshteinDistance"},
	{stringsModule, model{result: cleared, typ: NumberType, body: 2, params: "e"}, "countCharactersBy"},
	{stringsModule, model{result: numeric, typ: TextType}, "ordinalize fromCharCode"},
	{stringsModule, model{result: mappedElements, body: 2, params: "ei"}, "mapString"},

	{arraysModule, model{result: someElements}, "drop take slice"},
	{arraysModule, model{result: filteredElements, body: 2, params: "e"}, "dropWhile takeWhile"},
	{arraysModule, model{result: anElement, body: 2, params: "e"}, "firstWith"},
	{arraysModule, model{result: cleared, typ: BoolType, body: 2, params: "e"}, "every some"},
	{arraysModule, model{result: cleared, typ: NumberType, body: 2, params: "e"}, "countBy indexWhere"},
	{arraysModule, model{result: cleared, typ: NumberType}, "indexOf"},
	{arraysModule, model{result: numeric, typ: NumberType, body: 2, params: "e"}, "sumBy"},
	{arraysModule, model{result: mixed}, "join leftJoin outerJoin partition splitAt splitWhere divideBy"},

	{objectsModule, model{result: keys}, "keySet nameSet"},
	{objectsModule, model{result: someElements}, "valueSet"},
	{objectsModule, model{result: entries}, "entrySet"},
	{objectsModule, model{result: cleared, typ: BoolType, body: 2, params: "vk"}, "everyEntry someEntry"},
	{objectsModule, model{result: filteredElements, body: 2, params: "vk"}, "takeWhile"},
	{objectsModule, model{result: mixed}, "mergeWith divideBy"},

	{"dw::core::URL", model{result: first, typ: TextType, clean: percented}, "encodeURIComponent"},
	{"dw::core::URL", model{result: first, typ: TextType, clean: Log | Header}, "encodeURI compose"},
	{"dw::core::URL", model{result: decoded, typ: TextType}, "decodeURI decodeURIComponent"},
	{"dw::core::URL", model{result: mixed}, "parseURI"},

	{"dw::core::Binaries", model{result: first, typ: TextType, clean: hexed}, "toHex"},
	{"dw::core::Binaries", model{result: first, typ: TextType, clean: base64ed}, "toBase64"},
	{"dw::core::Binaries", model{result: decoded}, "fromBase64 fromHex"},
	{"dw::core::Binaries", model{result: decoded, typ: ArrayType}, "readLinesWith"},
	{"dw::core::Binaries", model{result: mixed}, "concatWith writeLinesWith"},

	{"dw::Crypto", model{result: first, typ: TextType, clean: hashed}, "MD5 SHA1 HMACWith hashWith HMACBinary"},

	{"dw::core::Dates", model{result: numeric, typ: DateType}, "atBeginningOfDay atBeginningOfHour atBeginningOfMonth atBeginningOfWeek atBeginningOfYear date dateTime localDateTime localTime time"},
	{"dw::core::Dates", model{result: cleared, typ: DateType}, "today tomorrow yesterday"},
	{"dw::core::Numbers", model{result: numeric, typ: NumberType}, "fromBinary fromHex fromRadixNumber"},
	{"dw::core::Numbers", model{result: numeric, typ: TextType}, "toBinary toHex toRadixNumber"},
	{"dw::core::Periods", model{result: numeric, typ: DateType}, "between days duration hours minutes months period seconds years"},
	{"dw::core::Types", model{result: cleared}, "arrayItem baseTypeOf functionParamTypes functionReturnType intersectionItems isAnyType isArrayType isBinaryType isBooleanType isDateTimeType isDateType isFunctionType isNumberType isObjectType isStringType literalValueOf metadataOf nameOf objectFields unionItems"},

	{"dw::Runtime", model{result: remote}, "eval evalUrl run runUrl"},
	{"dw::Runtime", model{result: attempted, body: 1}, "try"},
	{"dw::Runtime", model{result: fromBody, body: 2}, "orElse orElseTry"},
	{"dw::Runtime", model{result: sameShape, body: 2, params: "x"}, "failIf"},
	{"dw::Runtime", model{result: sameShape}, "wait"},
	{"dw::Runtime", model{result: cleared}, "fail locationString location prop props version dataFormatsDescriptor"},
	{"dw::System", model{result: cleared, typ: TextType}, "envVar envVars"},

	{"dw::util::Coercions", model{result: numeric, typ: NumberType}, "toNumber toNumberOrNull"},
	{"dw::util::Coercions", model{result: numeric, typ: BoolType}, "toBoolean toBooleanOrNull"},
	{"dw::util::Coercions", model{result: numeric, typ: DateType}, "toDate toDateOrNull toDateTime toDateTimeOrNull toLocalDateTime toLocalTime toTime toPeriod toTimeZone toLocalDateTimeOrNull toLocalTimeOrNull toTimeOrNull toPeriodOrNull toTimeZoneOrNull"},
	{"dw::util::Coercions", model{result: first, typ: TextType}, "toString toUri toUriOrNull"},
	{"dw::util::Coercions", model{result: mixed}, "toArray toBinary toRegex toRegexOrNull"},
	{"dw::util::Math", model{result: numeric, typ: NumberType}, "acos asin atan cos log10 logn sin tan toDegrees toRadians"},
	{"dw::util::Diff", model{result: mixed}, "diff"},
	{"dw::util::Timer", model{result: attempted, body: 1}, "duration time"},
	{"dw::util::Timer", model{result: cleared, typ: NumberType}, "currentMilliseconds toMilliseconds"},
	{"dw::util::Tree", model{result: sameShape}, "filterArrayLeafs filterObjectLeafs filterTree"},
	{"dw::util::Tree", model{result: flatMapped, body: 2, params: "xi"}, "mapLeafValues"},
	{"dw::util::Tree", model{result: cleared, typ: BoolType}, "isArrayType isAttributeType isObjectType nodeExists"},
	{"dw::util::Tree", model{result: cleared, typ: TextType}, "asExpressionString"},
	{"dw::util::Values", model{result: sameShape}, "update mask"},
	{"dw::util::Values", model{result: cleared, typ: ArrayType}, "attr field index"},
	{"java!java::util::UUID", model{result: cleared, typ: TextType}, "randomUUID"},
	{"java!java::util::UUID", model{result: numeric, typ: TextType}, "fromString"},
	{"java!java::lang::Integer", model{result: numeric, typ: NumberType}, "parseInt valueOf"},
	{"java!java::lang::Long", model{result: numeric, typ: NumberType}, "parseLong valueOf"},
	{"dw::xml::Dtd", model{result: mixed}, "docTypeAsString"},
	{"dw::module::Mime", model{result: mixed}, "fromString isHandledBy toString"},
	{"dw::module::Multipart", model{result: mixed}, "field file form generateBoundary"},
	{"dw::extension::DataFormat", model{result: mixed}, "createBinarySettings"},
})

func makeLibrary(groups []group) map[string]map[string]*model {
	all := map[string]map[string]*model{}
	for i := range groups {
		g := &groups[i]
		if all[g.module] == nil {
			all[g.module] = map[string]*model{}
		}
		for _, n := range strings.Fields(g.names) {
			all[g.module][n] = &g.model
		}
	}
	return all
}

// unknownModel is that of a function that is not known: its result may hold whatever
// its arguments do. What runs outside can't be looked into.
func unknownModel(name string) *model {
	if strings.HasPrefix(name, "java!") {
		return &model{result: remote}
	}
	return &model{result: mixed}
}
