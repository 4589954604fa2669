package seclang

// Collection is a kind of value.
type Collection uint8

// The collections with keys, then those that hold one value. Each is named as
// SecLang names it.
const (
	None Collection = iota
	ArgsGet
	ArgsPost
	ArgsPath
	RequestHeaders
	RequestCookies
	Files
	FilesNames
	FilesSizes
	FilesTmpNames
	FilesTmpContent
	MultipartPartHeaders
	MultipartFilename
	MultipartName
	MultipartFilenameCharset
	MultipartFilenameLanguage
	XML
	ResponseHeaders
	ResponseArgs
	ResponseXML
	Geo
	Env

	RequestMethod
	RequestProtocol
	RequestLine
	RequestURI
	RequestURIRaw
	RequestFilename
	RequestBasename
	QueryString
	RequestBody
	RequestBodyLength
	ReqbodyProcessor
	ReqbodyError
	ReqbodyErrorMsg
	ReqbodyProcessorError
	ReqbodyProcessorErrorMsg
	RemoteAddr
	RemoteHost
	RemotePort
	ServerAddr
	ServerName
	ServerPort
	UniqueID
	FilesCombinedSize
	FullRequestLength
	InboundDataError
	OutboundDataError
	URLEncodedError
	URIParseError
	ArgumentsLimitReached
	MultipartDataAfter
	MultipartStrictError
	MultipartDuplicatePartHeader
	MultipartInvalidQuoting
	ResponseStatus
	ResponseProtocol
	ResponseBody
	ResponseContentType
	ResponseContentLength
	StatusLine
	ResBodyProcessor
	Duration
	Time
	TimeDay
	TimeEpoch
	TimeHour
	TimeMin
	TimeMon
	TimeSec
	TimeWday
	TimeYear

	collections
)

const firstSingle = RequestMethod

// String is the name in SecLang.
func (c Collection) String() string {
	for name, v := range inputVariables {
		if len(v.in) == 1 && v.in[0] == c && !v.names {
			return name
		}
	}
	return "UNKNOWN"
}

// variable is what a rule can name.
type variable struct {
	name string
	kind kind
	// in are the collections whose values it has, names says that it has their keys.
	in    []Collection
	names bool
	// keepCase says that a selector is not lower-cased when compiled, which
	// only matters to a regular expression and to names.
	keepCase bool
}

type kind uint8

const (
	ofInput kind = iota
	ofTX
	ofMatchedVar
	ofMatchedVarName
	ofMatchedVars
	ofMatchedVarsNames
	ofRule
	ofArgsSize
	ofHighestSeverity
	ofNothing
)

func (v *variable) selectable() bool {
	switch v.kind {
	case ofTX, ofMatchedVars, ofMatchedVarsNames, ofRule:
		return true
	case ofInput:
		return v.in[0] < firstSingle
	case ofNothing:
		return v.name == "JSON"
	case ofMatchedVar, ofMatchedVarName, ofArgsSize, ofHighestSeverity:
	}
	return false
}

// lookupVariable finds a variable by its upper case name.
func lookupVariable(name string) (*variable, bool) {
	if v, ok := inputVariables[name]; ok {
		v.name = name
		return &v, true
	}
	if k, ok := otherVariables[name]; ok {
		return &variable{name: name, kind: k}, true
	}
	return nil, false
}

var otherVariables = map[string]kind{
	"TX": ofTX, "MATCHED_VAR": ofMatchedVar, "MATCHED_VAR_NAME": ofMatchedVarName,
	"MATCHED_VARS": ofMatchedVars, "MATCHED_VARS_NAMES": ofMatchedVarsNames, "RULE": ofRule,
	"ARGS_COMBINED_SIZE": ofArgsSize, "HIGHEST_SEVERITY": ofHighestSeverity,
	// Coraza knows these names and never has a value for them.
	"JSON": ofNothing, "AUTH_TYPE": ofNothing, "FULL_REQUEST": ofNothing,
	"MULTIPART_BOUNDARY_QUOTED": ofNothing, "MULTIPART_BOUNDARY_WHITESPACE": ofNothing,
	"MULTIPART_CRLF_LF_LINES": ofNothing, "MULTIPART_DATA_BEFORE": ofNothing,
	"MULTIPART_FILE_LIMIT_EXCEEDED": ofNothing, "MULTIPART_HEADER_FOLDING": ofNothing,
	"MULTIPART_INVALID_HEADER_FOLDING": ofNothing, "MULTIPART_INVALID_PART": ofNothing,
	"MULTIPART_LF_LINE": ofNothing, "MULTIPART_MISSING_SEMICOLON": ofNothing,
	"MULTIPART_UNMATCHED_BOUNDARY": ofNothing, "PATH_INFO": ofNothing, "SESSIONID": ofNothing,
	"USERID": ofNothing, "IP": ofNothing, "RES_BODY_ERROR": ofNothing, "RES_BODY_ERROR_MSG": ofNothing,
	"RES_BODY_PROCESSOR_ERROR": ofNothing, "RES_BODY_PROCESSOR_ERROR_MSG": ofNothing,
}

func of(c ...Collection) variable        { return variable{in: c} }
func cased(c ...Collection) variable     { return variable{in: c, keepCase: true} }
func namesOf(c ...Collection) variable   { return variable{in: c, names: true} }
func casedName(c ...Collection) variable { return variable{in: c, names: true, keepCase: true} }

var inputVariables = map[string]variable{
	"ARGS": cased(ArgsGet, ArgsPost, ArgsPath), "ARGS_NAMES": casedName(ArgsGet, ArgsPost, ArgsPath),
	"ARGS_GET": cased(ArgsGet), "ARGS_GET_NAMES": casedName(ArgsGet),
	"ARGS_POST": cased(ArgsPost), "ARGS_POST_NAMES": casedName(ArgsPost), "ARGS_PATH": of(ArgsPath),
	"REQUEST_HEADERS": of(RequestHeaders), "REQUEST_HEADERS_NAMES": namesOf(RequestHeaders),
	"REQUEST_COOKIES": of(RequestCookies), "REQUEST_COOKIES_NAMES": namesOf(RequestCookies),
	"RESPONSE_HEADERS": of(ResponseHeaders), "RESPONSE_HEADERS_NAMES": namesOf(ResponseHeaders),
	"FILES": of(Files), "FILES_NAMES": of(FilesNames), "FILES_SIZES": of(FilesSizes),
	"FILES_TMPNAMES": of(FilesTmpNames), "FILES_TMP_CONTENT": of(FilesTmpContent),
	"MULTIPART_PART_HEADERS": of(MultipartPartHeaders), "MULTIPART_FILENAME": of(MultipartFilename),
	"MULTIPART_NAME": of(MultipartName), "MULTIPART_FILENAME_CHARSET": of(MultipartFilenameCharset),
	"MULTIPART_FILENAME_LANGUAGE": of(MultipartFilenameLanguage),
	"XML":                         of(XML), "REQUEST_XML": of(XML), "RESPONSE_XML": of(ResponseXML),
	"RESPONSE_ARGS": of(ResponseArgs), "GEO": of(Geo), "ENV": of(Env),

	"REQUEST_METHOD": of(RequestMethod), "REQUEST_PROTOCOL": of(RequestProtocol),
	"REQUEST_LINE": of(RequestLine), "REQUEST_URI": of(RequestURI), "REQUEST_URI_RAW": of(RequestURIRaw),
	"REQUEST_FILENAME": of(RequestFilename), "REQUEST_BASENAME": of(RequestBasename),
	"QUERY_STRING": of(QueryString), "REQUEST_BODY": of(RequestBody),
	"REQUEST_BODY_LENGTH": of(RequestBodyLength), "REQBODY_PROCESSOR": of(ReqbodyProcessor),
	"REQBODY_ERROR": of(ReqbodyError), "REQBODY_ERROR_MSG": of(ReqbodyErrorMsg),
	"REQBODY_PROCESSOR_ERROR":     of(ReqbodyProcessorError),
	"REQBODY_PROCESSOR_ERROR_MSG": of(ReqbodyProcessorErrorMsg),
	"REMOTE_ADDR":                 of(RemoteAddr), "REMOTE_HOST": of(RemoteHost), "REMOTE_PORT": of(RemotePort),
	"SERVER_ADDR": of(ServerAddr), "SERVER_NAME": of(ServerName), "SERVER_PORT": of(ServerPort),
	"UNIQUE_ID": of(UniqueID), "FILES_COMBINED_SIZE": of(FilesCombinedSize),
	"FULL_REQUEST_LENGTH": of(FullRequestLength), "INBOUND_DATA_ERROR": of(InboundDataError),
	"OUTBOUND_DATA_ERROR": of(OutboundDataError), "URLENCODED_ERROR": of(URLEncodedError),
	"URI_PARSE_ERROR": of(URIParseError), "ARGUMENTS_LIMIT_REACHED": of(ArgumentsLimitReached),
	"MULTIPART_DATA_AFTER": of(MultipartDataAfter), "MULTIPART_STRICT_ERROR": of(MultipartStrictError),
	"MULTIPART_DUPLICATE_PART_HEADER": of(MultipartDuplicatePartHeader),
	"MULTIPART_INVALID_QUOTING":       of(MultipartInvalidQuoting),
	"RESPONSE_STATUS":                 of(ResponseStatus), "RESPONSE_PROTOCOL": of(ResponseProtocol),
	"RESPONSE_BODY": of(ResponseBody), "RESPONSE_CONTENT_TYPE": of(ResponseContentType),
	"RESPONSE_CONTENT_LENGTH": of(ResponseContentLength), "STATUS_LINE": of(StatusLine),
	"RES_BODY_PROCESSOR": of(ResBodyProcessor), "DURATION": of(Duration),
	"TIME": of(Time), "TIME_DAY": of(TimeDay), "TIME_EPOCH": of(TimeEpoch), "TIME_HOUR": of(TimeHour),
	"TIME_MIN": of(TimeMin), "TIME_MON": of(TimeMon), "TIME_SEC": of(TimeSec),
	"TIME_WDAY": of(TimeWday), "TIME_YEAR": of(TimeYear),
}

// valueOfMissing is what a single holds when the input has none.
func valueOfMissing(c Collection) string {
	switch c {
	case FilesCombinedSize, URLEncodedError, URIParseError, ArgumentsLimitReached, FullRequestLength,
		MultipartDataAfter, MultipartDuplicatePartHeader, MultipartInvalidQuoting, OutboundDataError,
		ReqbodyError, ReqbodyProcessorError, RequestBodyLength, Duration:
		return "0"
	default:
		return ""
	}
}
