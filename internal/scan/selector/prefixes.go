package selector

import (
	"strings"
	"sync"

	"farrier.dev/farrier/internal/encoding/xmltext/document"
)

// mulespace is what most namespaces of Mule begin with.
const mulespace = "http://www.mulesoft.org/schema/mule/"

// plain are the prefixes whose namespace is mulespace and the prefix.
const plain = `http db tls apikit-soap api-gateway secure-properties os file ftp ftps sftp smb jms vm amqp kafka
ibm-mq anypoint-mq email wsc salesforce salesforce-composite salesforce-marketing-cloud scripting java xml-module json validation batch oauth
oauth2-provider crypto s3 sqs sns dynamodb azure-storage azure-data-lake-storage azure-service-bus sap slack mcp a2a ms-inference
ms-einstein-ai ms-aichain ms-vectors ms-agentforce http-policy documentation mongo ldap redis graphql cxf quartz
json-logger sockets websocket netsuite workday servicenow hdfs cassandradb neo4j aggregators compression ssh
tracing avro rosettanet edifact x12 as2 mllp hl7 api-platform-gw secure-property-placeholder soapkit munit munit-tools
test pgp encryption compatibility jersey servlet smtp smtps imap imaps pop3 pop3s ajax ws management spring-security
objectstore xml xslt mulexml jdbc jdbc-ee ee-dw stdio tcp ssl udp http-transport jetty rest-validator module
netty dw apikit-odata openai google-drive google-sheets sharepoint dynamics365 twilio stripe box jira zuora marketo`

// odd are the prefixes whose namespace is not made of them.
func odd() map[string]string {
	return map[string]string{
		"":             mulespace + "core",
		"mule":         mulespace + "core",
		"core":         mulespace + "core",
		"ee":           mulespace + "ee/core",
		"dw":           mulespace + "ee/dw",
		"tracking":     mulespace + "ee/tracking",
		"domain":       mulespace + "domain",
		"ee-domain":    mulespace + "ee/domain",
		"apikit":       mulespace + "mule-apikit",
		"apikit3":      mulespace + "apikit",
		"doc":          mulespace + "documentation",
		"jdbc-ee":      mulespace + "ee/jdbc",
		"mulexml":      mulespace + "xml",
		"ss":           mulespace + "spring-security",
		"module":       mulespace + "module",
		"spring":       mulespace + "spring",
		"beans":        "http://www.springframework.org/schema/beans",
		"context":      "http://www.springframework.org/schema/context",
		"sec":          "http://www.springframework.org/schema/security",
		"util":         "http://www.springframework.org/schema/util",
		"pom":          "http://maven.apache.org/POM/4.0.0",
		"settings":     "http://maven.apache.org/SETTINGS/1.0.0",
		"json-logger":  mulespace + "json-logger",
		"log4j":        "",
		"none":         "",
		"api-platform": mulespace + "api-platform-gw",
	}
}

// Prefixes are the prefixes of names in selectors and in the elements of rules, with
// their namespaces. No prefix means Mule's core; "log4j" and "none" no namespace.
func Prefixes() map[string]string {
	out := odd()
	for p := range strings.FieldsSeq(plain) {
		if _, ok := out[p]; !ok {
			out[p] = mulespace + p
		}
	}
	return out
}

// known is Prefixes, made once and only read.
var known = sync.OnceValue(Prefixes)

// Space is the namespace of a prefix. One that Prefixes does not have stands for the
// namespace that Mule's connectors derive from their name; false says that there can
// be none of that name.
func Space(prefix string) (string, bool) {
	if space, ok := known()[prefix]; ok {
		return space, true
	}
	switch prefix {
	case "", "xml", "xmlns", "xsi", "doc":
		return "", false
	}
	for i := range len(prefix) {
		if c := prefix[i]; (c < 'a' || c > 'z') && (i == 0 || c != '-' && (c < '0' || c > '9')) {
			return "", false
		}
	}
	return mulespace + prefix, true
}

// Name reads an element's name as it stands in rules, as "db:select"; the local
// part may be "*". It says false for a prefix that can't be one.
func Name(text string) (document.Name, bool) {
	prefix, local, found := strings.Cut(text, ":")
	if !found {
		prefix, local = "", text
	}
	space, ok := Space(prefix)
	return document.Name{Space: space, Local: local}, ok && validName(local)
}

func validName(local string) bool {
	if local == "*" {
		return true
	}
	for i := range len(local) {
		if !nameByte(local[i], i == 0) {
			return false
		}
	}
	return local != ""
}

func nameByte(b byte, first bool) bool {
	letter := b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b == '_' || b >= 0x80
	return letter || !first && (b >= '0' && b <= '9' || b == '-' || b == '.')
}
