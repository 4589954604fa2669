package schemavalidation

import (
	"farrier.dev/farrier/internal/spec"
)

// Settings are what operators set.
type Settings struct {
	// Spec is the description in one document: RAML 0.8 or 1.0, or OpenAPI 2.0, 3.0 or 3.1, as JSON or YAML. Set it, specFile or specArchive.
	Spec string `json:"spec" default:""`
	// SpecFile is the main file of the description, or a zip archive, below the folder of the manifest. The files that it refers to must lie beside it or below. They are read when the manifest is; a later change counts when manifests are read again. Other YAML files that it consists of would be taken for manifests in a folder of manifests: put them into a folder whose name begins with a dot.
	SpecFile string `json:"specFile" default:"" host:"true"`
	// SpecArchive is the description as a zip archive in base64, at most 8 MiB, as Exchange gives them. The files of specFile are put here when a manifest is read.
	SpecArchive string `json:"specArchive" default:""`
	// SpecMain is the main file in the archive. By default it is the one that exchange.json names, or the only description there.
	SpecMain string `json:"specMain" default:""`
	// APIBasePath is what stands before the paths of the description: in what follows the base path of the API, or else in the whole path of the request.
	APIBasePath string `json:"apiBasePath" default:"/"`
	// Violations say what becomes of each kind of violation: block refuses, monitor lets the message pass and records that it would have been refused, off does not look for it. A kind that is not set has its default.
	Violations Violations `json:"violations"`
	// ValidateResponses says whether answers of the service are held against the description, where an operation describes any. Only JSON bodies are read for it, and only while responseBody is not off.
	ValidateResponses bool `json:"validateResponses" default:"true"`
	// RefuseReadOnly refuses properties of a request's body that are described as readOnly. Otherwise they are held against their schema and pass.
	RefuseReadOnly bool `json:"refuseReadOnly" default:"false"`
	// RequestBodyLimit is the length in bytes of the longest body of JSON or of a form that is validated. A longer one is refused with 413 while malformedBody or body is block.
	RequestBodyLimit int64 `json:"requestBodyLimit" default:"1048576" min:"1024" max:"10485760"`
	// ResponseBodyLimit is the length in bytes of the longest JSON body of an answer that is validated. A longer one is replaced by 502 while responseBody is block.
	ResponseBodyLimit int64 `json:"responseBodyLimit" default:"1048576" min:"1024" max:"10485760"`
	// Detail is what the client reads of a refused request: places names the first violations by place and rule, never a value; none says nothing of them. Of a refused answer it reads nothing.
	Detail string `json:"detail" default:"places" enum:"none|places"`
	// DeprecatedSince is the moment, as 2026-12-31T00:00:00Z, from which operations are deprecated that the description marks so without x-deprecated-since. Without either no header Deprecation is sent (RFC 9745 needs a moment).
	DeprecatedSince string `json:"deprecatedSince" default:""`
	// OnStream says what becomes of WebSocket and gRPC, whose content can't be held against a description: refuse, or skip, which lets them pass without a look.
	OnStream string `json:"onStream" default:"refuse" enum:"refuse|skip"`
}

// Violations say what becomes of each kind of violation.
type Violations struct {
	// UnknownPath is a path that the description does not have; 404.
	UnknownPath string `json:"unknownPath" default:"block" enum:"block|monitor|off"`
	// UnknownMethod is a method that the path does not have; 405. HEAD is described by GET.
	UnknownMethod string `json:"unknownMethod" default:"block" enum:"block|monitor|off"`
	// UnknownParameter is a query parameter that is not described; 400.
	UnknownParameter string `json:"unknownParameter" default:"monitor" enum:"block|monitor|off"`
	// UnknownHeader is a header that is neither described nor one of HTTP itself; 400.
	UnknownHeader string `json:"unknownHeader" default:"off" enum:"block|monitor|off"`
	// UnknownCookie is a cookie that is not described; 400.
	UnknownCookie string `json:"unknownCookie" default:"off" enum:"block|monitor|off"`
	// MissingParameter is a required parameter that is not there; 400.
	MissingParameter string `json:"missingParameter" default:"block" enum:"block|monitor|off"`
	// Parameter is a parameter that its schema does not allow; 400.
	Parameter string `json:"parameter" default:"block" enum:"block|monitor|off"`
	// ContentType is a body of a media type that is not described; 415.
	ContentType string `json:"contentType" default:"block" enum:"block|monitor|off"`
	// MissingBody is a required body that is not there; 400.
	MissingBody string `json:"missingBody" default:"block" enum:"block|monitor|off"`
	// UndescribedBody is a body where none is described; 400.
	UndescribedBody string `json:"undescribedBody" default:"block" enum:"block|monitor|off"`
	// MalformedBody is a body that is not what its media type says; 400.
	MalformedBody string `json:"malformedBody" default:"block" enum:"block|monitor|off"`
	// Body is a body that its schema does not allow; 400.
	Body string `json:"body" default:"block" enum:"block|monitor|off"`
	// UnknownProperty is a property of a body that its schema allows without describing it; 400.
	UnknownProperty string `json:"unknownProperty" default:"monitor" enum:"block|monitor|off"`
	// Security is a request without the credentials that the operation asks for; 401. Whether they are genuine other policies ask; one that removes credentials must run behind this one.
	Security string `json:"security" default:"monitor" enum:"block|monitor|off"`
	// ResponseStatus is an answer with a status that is not described; 502.
	ResponseStatus string `json:"responseStatus" default:"monitor" enum:"block|monitor|off"`
	// ResponseContentType is an answer of a media type that is not described; 502.
	ResponseContentType string `json:"responseContentType" default:"monitor" enum:"block|monitor|off"`
	// ResponseHeader is an answer's header that is missing or that its schema does not allow; 502.
	ResponseHeader string `json:"responseHeader" default:"monitor" enum:"block|monitor|off"`
	// ResponseBody is an answer's body that is missing or that its schema does not allow; 502.
	ResponseBody string `json:"responseBody" default:"monitor" enum:"block|monitor|off"`
}

// modes are what is set for each kind.
func (v *Violations) modes() map[spec.Kind]string {
	return map[spec.Kind]string{
		spec.UnknownPath: v.UnknownPath, spec.UnknownMethod: v.UnknownMethod,
		spec.UnknownParameter: v.UnknownParameter, spec.UnknownHeader: v.UnknownHeader, spec.UnknownCookie: v.UnknownCookie,
		spec.MissingParameter: v.MissingParameter, spec.MalformedParameter: v.Parameter,
		spec.MissingCredential: v.Security, spec.ContentType: v.ContentType, spec.MissingBody: v.MissingBody,
		spec.UndescribedBody: v.UndescribedBody, spec.MalformedBody: v.MalformedBody, spec.BodySchema: v.Body,
		spec.UnknownProperty: v.UnknownProperty, spec.UnknownStatus: v.ResponseStatus,
		spec.ResponseContentType: v.ResponseContentType, spec.ResponseHeader: v.ResponseHeader, spec.ResponseBody: v.ResponseBody,
	}
}

// The kinds that need the body of a request, and those of answers.
func bodyKinds() spec.KindSet {
	return spec.KindsOf(spec.ContentType, spec.MissingBody, spec.UndescribedBody, spec.MalformedBody, spec.BodySchema, spec.UnknownProperty)
}

func answerKinds() spec.KindSet {
	return spec.KindsOf(spec.UnknownStatus, spec.ResponseContentType, spec.ResponseHeader, spec.ResponseBody)
}

// sets are the kinds that are refused and those that are watched.
func (s *Settings) sets() (block, watch spec.KindSet) {
	for kind, mode := range s.Violations.modes() {
		switch mode {
		case "block":
			block |= spec.KindsOf(kind)
		case "monitor":
			watch |= spec.KindsOf(kind)
		}
	}
	if !s.ValidateResponses {
		block, watch = block&^answerKinds(), watch&^answerKinds()
	}
	return block, watch
}
