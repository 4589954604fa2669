package taint

import (
	"strings"

	"farrier.dev/farrier/internal/encoding/xmltext/document"
)

// base begins the namespaces of Mule.
const base = "http://www.mulesoft.org/schema/mule/"

// The namespaces that the flow side looks into.
const (
	nsCore       = base + "core"
	nsEE         = base + "ee/core"
	nsDW1        = base + "ee/dw"
	nsHTTP       = base + "http"
	nsAPIkit     = base + "mule-apikit"
	nsAPIkit3    = base + "apikit"
	nsSOAPKit    = base + "apikit-soap"
	nsDB         = base + "db"
	nsOS         = base + "os"
	nsOS3        = base + "objectstore"
	nsVM         = base + "vm"
	nsJava       = base + "java"
	nsScripting  = base + "scripting"
	nsValidation = base + "validation"
	nsBatch      = base + "batch"
	nsXML        = base + "xml-module"
	nsFile       = base + "file"
	nsCrypto     = base + "crypto"
	nsPolicy     = base + "http-policy"
)

// connector is what the operations of a namespace do with the message.
type connector struct {
	// label is that of what its operations answer, what names it in a sentence.
	label Label
	what  string
	// void are operations that leave the message as it is, plain those that answer
	// what no stranger chose (counts, identifiers), passes those that make their
	// answer of what they are given, separated by blanks; "*" stands for all others.
	void, plain, passes string
	// echoes says that what is asked shows in the answer, so that who chooses the
	// question has a say in it.
	echoes bool
}

// connectors are the connectors by their namespace behind base.
var connectors = map[string]connector{
	"http":                            {label: Remote | Backend, what: "the answer of an HTTP service", void: "basic-security-filter"},
	"wsc":                             {label: Remote | Backend, what: "the answer of a SOAP service"},
	"ws":                              {label: Remote | Backend, what: "the answer of a SOAP service"},
	"cxf":                             {label: Remote | Backend, what: "the answer of a SOAP service", passes: "*"},
	"db":                              {label: Database | Backend, what: "what the database answered", plain: "insert update delete bulk-insert bulk-update bulk-delete execute-ddl execute-script"},
	"mongo":                           {label: Database | Backend, what: "what MongoDB answered", plain: "insert-document insert-documents remove-documents update-documents count-documents create-collection drop-collection"},
	"redis":                           {label: Database, what: "what Redis answered", plain: "set hash-set key-delete"},
	"cassandra-db":                    {label: Database | Backend, what: "what Cassandra answered"},
	"neo4j":                           {label: Database | Backend, what: "what Neo4j answered"},
	"elasticsearch":                   {label: Database | Backend, what: "what Elasticsearch answered"},
	"dynamodb":                        {label: Database | Backend, what: "what DynamoDB answered"},
	"snowflake":                       {label: Database | Backend, what: "what Snowflake answered"},
	"ldap":                            {label: Database | Backend, what: "what the directory answered", void: "bind unbind"},
	"salesforce":                      {label: Remote | Backend, what: "what Salesforce answered"},
	"salesforce-composite":            {label: Remote | Backend, what: "what Salesforce answered"},
	"salesforce-bulk":                 {label: Remote | Backend, what: "what Salesforce answered"},
	"sap":                             {label: Remote | Backend, what: "what SAP answered"},
	"slack":                           {label: Remote, what: "what Slack answered"},
	"servicenow":                      {label: Remote | Backend, what: "what ServiceNow answered"},
	"netsuite":                        {label: Remote | Backend, what: "what NetSuite answered"},
	"workday":                         {label: Remote | Backend, what: "what Workday answered"},
	"marketo":                         {label: Remote | Backend, what: "what Marketo answered"},
	"microsoft-dynamics365-dataverse": {label: Remote | Backend, what: "what Dynamics answered"},
	"graphql":                         {label: Remote | Backend, what: "the answer of a GraphQL service"},
	"mcp":                             {label: Remote, what: "the answer of an MCP server"},
	"a2a":                             {label: Remote, what: "the answer of an agent"},
	"ms-inference":                    {label: Remote, what: "the answer of a language model", echoes: true},
	"ms-einstein-ai":                  {label: Remote, what: "the answer of a language model", echoes: true},
	"ms-aichain":                      {label: Remote, what: "the answer of a language model", echoes: true},
	"mac-vectors":                     {label: Remote, what: "what the vector store answered"},
	"ms-vectors":                      {label: Remote, what: "what the vector store answered"},
	"ms-agentforce":                   {label: Remote, what: "the answer of an agent"},
	"file":                            {label: File, what: "what was read of a file", void: "write copy move rename delete create-directory matcher outbound-endpoint"},
	"ftp":                             {label: File, what: "what was read of an FTP server", void: "write copy move rename delete create-directory matcher outbound-endpoint"},
	"ftps":                            {label: File, what: "what was read of an FTPS server", void: "write copy move rename delete create-directory matcher"},
	"sftp":                            {label: File, what: "what was read of an SFTP server", void: "write copy move rename delete create-directory matcher outbound-endpoint"},
	"smb":                             {label: File, what: "what was read of a share", void: "write copy move rename delete create-directory matcher"},
	"s3":                              {label: Remote, what: "what was read of S3", plain: "put-object create-object copy-object delete-object delete-objects create-bucket"},
	"azure-storage":                   {label: Remote, what: "what was read of Azure storage", plain: "upload-file upload-blob delete-blob create-container"},
	"azure-blob-storage":              {label: Remote, what: "what was read of Azure storage", plain: "upload-blob put-blob delete-blob create-container"},
	"email":                           {label: Mail, what: "what was read of a mailbox", void: "send delete mark-as-read mark-as-deleted expunge-folder move"},
	"imap":                            {label: Mail, what: "what was read of a mailbox"},
	"pop3":                            {label: Mail, what: "what was read of a mailbox"},
	"smtp":                            {void: "*"},
	"jms":                             {label: Queue, what: "a message of a queue", void: "publish ack recover-session outbound-endpoint"},
	"vm":                              {label: Queue, what: "a message of a queue", void: "publish outbound-endpoint"},
	"amqp":                            {label: Queue, what: "a message of a queue", void: "publish ack reject outbound-endpoint"},
	"kafka":                           {label: Queue, what: "a message of a topic", plain: "publish bulk-publish", void: "commit seek producer"},
	"anypoint-mq":                     {label: Queue, what: "a message of a queue", plain: "publish", void: "ack nack"},
	"ibm-mq":                          {label: Queue, what: "a message of a queue", void: "publish ack recover-session"},
	"solace":                          {label: Queue, what: "a message of a queue", void: "publish ack"},
	"sqs":                             {label: Queue, what: "a message of a queue", plain: "send-message delete-message send-message-batch"},
	"sns":                             {plain: "*"},
	"azure-service-bus":               {label: Queue, what: "a message of a queue", void: "send complete abandon"},
	"azure-service-bus-messaging":     {label: Queue, what: "a message of a queue", void: "send complete abandon"},
	"sockets":                         {label: Remote, what: "what a socket answered", void: "send"},
	"websocket":                       {label: Remote, what: "what a WebSocket answered", void: "send broadcast close-socket close-sockets subscribe-group unsubscribe-group", plain: "open-outbound-socket"},
	"crypto":                          {plain: "pgp-encrypt pgp-encrypt-binary jce-encrypt jce-encrypt-pbe calculate-checksum pgp-encrypt-to-file", passes: "*", void: "jce-validate xml-validate pgp-validate validate-checksum pgp-validate-binary"},
	"xml-module":                      {passes: "*", void: "validate-schema"},
	"json":                            {passes: "*", void: "validate-schema is-json-filter"},
	"compression":                     {passes: "*"},
	"scripting":                       {passes: "*"},
	"script":                          {passes: "*"},
	"java":                            {passes: "*", void: "validate-type"},
	"spring":                          {void: "*"},
	"validation":                      {void: "*"},
	"mulexml":                         {passes: "*"},
	"xml":                             {passes: "*"},
	"data-mapper":                     {passes: "*"},
	"ee/tracking":                     {void: "*"},
	"tracking":                        {void: "*"},
	"tracing":                         {void: "*"},
	"custom-logger":                   {void: "*"},
	"json-logger":                     {void: "*"},
	"jsonlogger":                      {void: "*"},
	"cloudhub":                        {void: "*"},
	"cloudhub-notifications":          {void: "*"},
	"oauth":                           {void: "*"},
	"oauth2-provider":                 {plain: "*"},
	"munit":                           {void: "*"},
	"munit-tools":                     {void: "*"},
	"aggregators":                     {passes: "*"},
	"idempotent":                      {void: "*"},
	"schedulers":                      {void: "*"},
	"metrics":                         {void: "*"},
	"api-gateway":                     {void: "*"},
	"http-policy-transform":           {void: "*"},
	"spring-security":                 {void: "*"},
	"ss":                              {void: "*"},
	"mule-ss":                         {void: "*"},
}

// effect is what an operation does with the message.
type effect uint8

const (
	answers effect = iota // gives what its connector's label says
	isVoid
	isPlain
	isPassing
	isUnknown
)

// effectOf is what an operation does, and the connector it is of.
func effectOf(n document.Name) (connector, effect) {
	c, ok := connectors[strings.TrimPrefix(n.Space, base)]
	switch {
	case !ok && tellsOnly(n), strings.HasSuffix(n.Local, "-transformer"):
		return c, isVoid // transformers of Mule 3 change the form, not what is in it
	case !ok:
		return c, isUnknown
	case named(c.void, n.Local):
		return c, isVoid
	case named(c.plain, n.Local):
		return c, isPlain
	case named(c.passes, n.Local):
		return c, isPassing
	case c.void == "*":
		return c, isVoid
	case c.plain == "*":
		return c, isPlain
	case c.passes != "" && strings.HasSuffix(c.passes, "*"):
		return c, isPassing
	}
	return c, answers
}

// tellsOnly says whether the name of an operation that is not known says that it
// looks at the message only.
func tellsOnly(n document.Name) bool {
	name := strings.ToLower(n.Space[strings.LastIndexByte(n.Space, '/')+1:] + " " + n.Local)
	for _, word := range [...]string{"log", "trace", "tracing", "audit", "notif", "metric", "validat", "monitor", "track"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

// named says whether a list of words, separated by blanks, holds a word.
func named(words, word string) bool {
	for words != "" {
		first, rest, _ := strings.Cut(words, " ")
		if first == word {
			return true
		}
		words = rest
	}
	return false
}

// listener is what an element that starts flows brings in.
type listener struct {
	label Label
	what  string
}

// listenerOf is what a source of a flow brings in; ok is false for those that bring
// in nothing that anyone chose.
func listenerOf(e *document.Element) (listener, bool) {
	space, local := strings.TrimPrefix(e.Name.Space, base), e.Name.Local
	switch space {
	case "core":
		switch local {
		case "scheduler", "poll", "fixed-frequency":
			return listener{}, false
		case "inbound-endpoint":
			return endpointOf(e.Value("address") + e.Value("ref"))
		}
		return listener{label: Queue, what: "a message"}, true
	case "quartz", "schedulers":
		return listener{}, false
	case "http", "http-policy", "https", "jetty", "servlet", "ajax", "tcp", "udp", "ssl", "sockets", "grpc", "graphql", "apikit-graphql", "apikit-for-graphql", "odata", "apikit-soap", "as2-mule4", "as2", "websub":
		return listener{Client, "what a client sends"}, true
	case "websocket":
		if strings.HasPrefix(local, "outbound") {
			return listener{Remote, "what a WebSocket server sends"}, true
		}
		return listener{Client, "what a client sends"}, true
	case "mcp":
		return listener{Agent, "the arguments of an MCP call"}, true
	case "a2a":
		return listener{Agent, "the message of an agent"}, true
	case "email", "imap", "imaps", "pop3", "pop3s", "gmail":
		return listener{Mail, "a mail"}, true
	case "file", "ftp", "ftps", "sftp", "smb":
		return listener{File, "a file that was put there"}, true
	case "s3", "azure-storage", "azure-blob-storage":
		return listener{File, "an object that was put there"}, true
	case "db", "mongo":
		return listener{Database, "a row of the database"}, true
	case "vm", "jms", "amqp", "kafka", "anypoint-mq", "ibm-mq", "solace", "sqs", "azure-service-bus", "azure-service-bus-messaging", "activemq", "rabbitmq", "wmq", "stomp", "mqtt", "mqtt3":
		return listener{Queue, "a message of a queue"}, true
	}
	return listener{Remote, "what a service tells"}, true
}

func endpointOf(address string) (listener, bool) {
	scheme, _, _ := strings.Cut(strings.ToLower(address), ":")
	switch scheme {
	case "http", "https", "tcp", "jetty", "servlet", "ssl", "udp":
		return listener{Client, "what a client sends"}, true
	case "file", "ftp", "sftp":
		return listener{File, "a file that was put there"}, true
	case "imap", "imaps", "pop3", "pop3s":
		return listener{Mail, "a mail"}, true
	case "quartz":
		return listener{}, false
	}
	return listener{Queue, "a message of a queue"}, true
}

// isQueue says whether a namespace is that of queues.
func isQueue(space string) bool {
	switch strings.TrimPrefix(space, base) {
	case "vm", "jms", "amqp", "kafka", "anypoint-mq", "ibm-mq", "solace", "sqs", "azure-service-bus", "azure-service-bus-messaging":
		return true
	}
	return false
}

// destinationOf is the name of a queue or topic as the element writes it, empty
// where it is not literal enough to compare.
func destinationOf(e *document.Element) string {
	for _, name := range [...]string{"destination", "queueName", "queue-name", "queue", "topic", "topicName", "exchangeName", "destinationName", "queueUrl", "path", "entityName"} {
		if v := strings.TrimSpace(e.Value(name)); v != "" {
			if strings.Contains(v, "#[") {
				return ""
			}
			return v
		}
	}
	if c := e.Value("config-ref"); c != "" && strings.HasSuffix(e.Name.Space, "/kafka") {
		return "config " + c // Kafka's listeners name their topics in the configuration
	}
	return ""
}
