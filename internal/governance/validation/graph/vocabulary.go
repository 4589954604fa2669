package graph

// The vocabularies that rulesets speak of, as MuleSoft's validator knows them.
const (
	nsDoc        = "http://a.ml/vocabularies/document#"
	nsAPI        = "http://a.ml/vocabularies/apiContract#"
	nsCore       = "http://a.ml/vocabularies/core#"
	nsShapes     = "http://a.ml/vocabularies/shapes#"
	nsShacl      = "http://www.w3.org/ns/shacl#"
	nsSecurity   = "http://a.ml/vocabularies/security#"
	nsData       = "http://a.ml/vocabularies/data#"
	nsSourcemaps = "http://a.ml/vocabularies/document-source-maps#"
	nsXSD        = "http://www.w3.org/2001/XMLSchema#"
	nsRDF        = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
	nsRDFS       = "http://www.w3.org/2000/01/rdf-schema#"
	nsManagement = "http://anypoint.com/vocabs/management#"
)

// Extensions is the vocabulary of annotations: its properties are names that
// people give to extensions ("x-" left out) and RAML annotations.
const Extensions = "http://a.ml/vocabularies/api-extension#"

// Prefixes are the short names of the vocabularies that every ruleset may use.
func Prefixes() map[string]string {
	return map[string]string{
		"doc": nsDoc, "apiContract": nsAPI, "core": nsCore, "shapes": nsShapes, "raml-shapes": nsShapes,
		"shacl": nsShacl, "security": nsSecurity, "data": nsData, "sourcemaps": nsSourcemaps,
		"xsd": nsXSD, "rdf": nsRDF, "rdfs": nsRDFS, "management": nsManagement, "apiExt": Extensions,
		"meta": "http://a.ml/vocabularies/meta#", "gcl": "http://anypoint.com/vocabs/gcl#",
		"api": "http://anypoint.com/vocabs/api#", "catalog": "http://anypoint.com/vocabs/digital-repository#",
	}
}

// Classes that others ask for.
const (
	ClassDocument    = nsDoc + "Document"
	ClassWebAPI      = nsAPI + "WebAPI"
	ClassAPIInstance = nsManagement + "APIInstance"
	classSequence    = nsRDFS + "Seq"
)

// Properties that more than one part sets or reads.
const (
	propName        = nsCore + "name"
	propDescription = nsCore + "description"
	propURLTemplate = nsCore + "urlTemplate"
	propMediaType   = nsCore + "mediaType"
	propServer      = nsAPI + "server"
	propPayload     = nsAPI + "payload"
	propHeader      = nsAPI + "header"
	propParameter   = nsAPI + "parameter"
	propURIParam    = nsAPI + "uriParameter"
	propBinding     = nsAPI + "binding"
	propExamples    = nsAPI + "examples"
	propStatusCode  = nsAPI + "statusCode"
	propSchema      = nsShapes + "schema"
	propShapeName   = nsShacl + "name"
	propDatatype    = nsShacl + "datatype"
	propSecurity    = nsSecurity + "security"
	propScheme      = nsSecurity + "scheme"
	propSettings    = nsSecurity + "settings"
	propSources     = nsSourcemaps + "sources"
	// PropCustom lists the IRIs under which a node holds its annotations.
	PropCustom = nsDoc + "customDomainProperties"
	// PropExtensionName is the name of an annotation.
	PropExtensionName = nsCore + "extensionName"
)

const domainElement = nsDoc + "DomainElement"

// The classes of what is made here, the narrowest first. They are never changed.
var (
	classesDocument    = []string{ClassDocument, nsDoc + "Fragment", nsDoc + "Module", nsDoc + "Unit"}
	classesWebAPI      = []string{ClassWebAPI, nsAPI + "API", nsDoc + "RootDomainElement", domainElement}
	classesAsyncAPI    = []string{nsAPI + "AsyncAPI", nsAPI + "API", nsDoc + "RootDomainElement", domainElement}
	classesServer      = element(nsAPI + "Server")
	classesEndPoint    = element(nsAPI + "EndPoint")
	classesOperation   = element(nsAPI+"Operation", nsCore+"Operation")
	classesRequest     = element(nsAPI+"Request", nsCore+"Request", nsAPI+"Message")
	classesResponse    = element(nsAPI+"Response", nsCore+"Response", nsAPI+"Message")
	classesMessage     = element(nsAPI + "Message")
	classesParameter   = element(nsAPI+"Parameter", nsCore+"Parameter")
	classesPayload     = element(nsAPI+"Payload", nsCore+"Payload")
	classesEncoding    = element(nsAPI + "Encoding")
	classesExample     = element(nsAPI + "Example")
	classesCallback    = element(nsAPI + "Callback")
	classesLink        = element(nsAPI + "TemplatedLink")
	classesMapping     = element(nsAPI + "IriTemplateMapping")
	classesTag         = element(nsAPI + "Tag")
	classesOrg         = element(nsCore + "Organization")
	classesLicense     = element(nsCore + "License")
	classesCreative    = element(nsCore + "CreativeWork")
	classesCorrelation = element(nsCore + "CorrelationId")
	classesScheme      = element(nsSecurity + "SecurityScheme")
	classesRequirement = element(nsSecurity + "SecurityRequirement")
	classesParametrzd  = element(nsSecurity + "ParametrizedSecurityScheme")
	classesFlow        = element(nsSecurity + "OAuth2Flow")
	classesScope       = element(nsSecurity + "Scope")
	classesOAuth2      = element(nsSecurity+"OAuth2Settings", nsSecurity+"Settings")
	classesOAuth1      = element(nsSecurity+"OAuth1Settings", nsSecurity+"Settings")
	classesAPIKey      = element(nsSecurity+"ApiKeySettings", nsSecurity+"Settings")
	classesHTTP        = element(nsSecurity+"HttpSettings", nsSecurity+"Settings")
	classesOpenID      = element(nsSecurity+"OpenIdConnectSettings", nsSecurity+"Settings")
	classesSettings    = element(nsSecurity + "Settings")
	classesProperty    = shape(nsShacl + "PropertyShape")
	classesAny         = shape(nsShapes + "AnyShape")
	classesNodeShape   = shape(nsShacl+"NodeShape", nsShapes+"AnyShape")
	classesScalar      = shape(nsShapes+"ScalarShape", nsShapes+"AnyShape")
	classesArray       = shape(nsShapes+"ArrayShape", nsShapes+"AnyShape")
	classesMatrix      = shape(nsShapes+"MatrixShape", nsShapes+"ArrayShape", nsShapes+"AnyShape")
	classesUnion       = shape(nsShapes+"UnionShape", nsShapes+"AnyShape")
	classesFile        = shape(nsShapes+"FileShape", nsShapes+"AnyShape")
	classesNil         = shape(nsShapes + "NilShape")
	classesRecursive   = shape(nsShapes + "RecursiveShape")
	classesMapEntry    = element(nsShapes + "DiscriminatorValueMapping")
	classesXML         = element(nsShapes + "XMLSerializer")
	classesDataScalar  = element(nsData+"Scalar", nsData+"Node")
	classesDataObject  = element(nsData+"Object", nsData+"Node")
	classesDataArray   = element(nsData+"Array", nsRDF+"Seq", nsData+"Node")
	classesSequence    = []string{classSequence}
	classesSourceMap   = []string{nsSourcemaps + "SourceMap"}
	classesInstance    = element(ClassAPIInstance)
)

// element are the classes of a part of an API.
func element(classes ...string) []string { return append(classes, domainElement) }

// shape are the classes of a data type.
func shape(classes ...string) []string {
	return append(classes, nsShacl+"Shape", nsShapes+"Shape", domainElement)
}
