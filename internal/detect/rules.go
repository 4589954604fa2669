package detect

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"
	"github.com/corazawaf/coraza/v3"
	"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes"
	"github.com/corazawaf/coraza/v3/types"

	"farrier.dev/farrier/internal/traffic"
)

// Rules are the compiled rules of one paranoia level. They are immutable.
type Rules struct {
	waf      coraza.WAF
	paranoia int
	digest   string
}

// requestRules are the files of the Core Rule Set that look at requests. The
// files that add up scores and decide are left out: that is done in the open,
// from the findings.
var requestRules = [...]string{
	"REQUEST-901-INITIALIZATION", "REQUEST-911-METHOD-ENFORCEMENT", "REQUEST-913-SCANNER-DETECTION",
	"REQUEST-920-PROTOCOL-ENFORCEMENT", "REQUEST-921-PROTOCOL-ATTACK", "REQUEST-922-MULTIPART-ATTACK",
	"REQUEST-930-APPLICATION-ATTACK-LFI", "REQUEST-931-APPLICATION-ATTACK-RFI",
	"REQUEST-932-APPLICATION-ATTACK-RCE", "REQUEST-933-APPLICATION-ATTACK-PHP",
	"REQUEST-934-APPLICATION-ATTACK-GENERIC", "REQUEST-941-APPLICATION-ATTACK-XSS",
	"REQUEST-942-APPLICATION-ATTACK-SQLI", "REQUEST-943-APPLICATION-ATTACK-SESSION-FIXATION",
	"REQUEST-944-APPLICATION-ATTACK-JAVA",
}

// engineSetup configures Coraza. It only ever detects, and never reads a body
// itself: bodies are opened by this package and handed over value by value, so
// that no upload reaches a temporary file and no two readers can disagree.
// The prefilter of regular expressions stays off: it loses matches (942220 on
// 2.2250738585072011e-308, 932311 on a STORE command; the set's own tests show
// it) and saves a fifth of the time.
const engineSetup = `
SecRuleEngine DetectionOnly
SecRequestBodyAccess Off
SecResponseBodyAccess Off
SecAuditEngine Off
SecRxPreFilter Off
SecArgumentsLimit 10000
SecDefaultAction "phase:1,log,noauditlog,pass"
SecDefaultAction "phase:2,log,noauditlog,pass"
`

// crsSetup is what crs-setup.conf is to a web server, for the traffic of APIs.
//   - PUT, PATCH and DELETE are usual methods.
//   - Content-Encoding is opened before the rules run, Expect and Content-Range
//     are the engine's business: these three headers are not restricted.
//   - ".com" is not a file extension here: /users/ann@example.com is a usual path.
const crsSetup = `
SecAction "id:900990,phase:1,pass,t:none,nolog,\
 setvar:tx.crs_setup_version=4250,\
 setvar:tx.blocking_paranoia_level=%[1]d,\
 setvar:tx.detection_paranoia_level=%[1]d,\
 setvar:'tx.allowed_methods=GET HEAD POST PUT PATCH DELETE OPTIONS',\
 setvar:'tx.allowed_request_content_type_charset=|utf-8| |iso-8859-1| |iso-8859-15| |windows-1252| |us-ascii|',\
 setvar:'tx.restricted_headers_basic=/proxy/ /lock-token/ /if/ /x-http-method-override/ /x-http-method/ /x-method-override/ /x-middleware-subrequest/',\
 setvar:'tx.restricted_extensions=.ani/ .asa/ .asax/ .ascx/ .back/ .backup/ .bak/ .bck/ .bk/ .bkp/ .bat/ .cdx/ .cer/ .cfg/ .cmd/ .cnf/ .compositefont/ .config/ .conf/ .copy/ .crt/ .cs/ .csproj/ .csr/ .dat/ .db/ .dbf/ .dist/ .dll/ .dos/ .dpkg-dist/ .drv/ .gadget/ .hta/ .htr/ .htw/ .ida/ .idc/ .idq/ .inc/ .inf/ .ini/ .jks/ .jse/ .key/ .licx/ .lnk/ .log/ .mdb/ .msc/ .ocx/ .old/ .pass/ .pdb/ .pfx/ .pif/ .pem/ .pol/ .prf/ .printer/ .pwd/ .rdb/ .rdp/ .reg/ .resources/ .resx/ .sav/ .save/ .scr/ .sct/ .sh/ .shs/ .sql/ .sqlite/ .sqlite3/ .swap/ .swo/ .swp/ .sys/ .temp/ .tfstate/ .tlb/ .tmp/ .vb/ .vbe/ .vbs/ .vbproj/ .vsdisco/ .vxd/ .webinfo/ .ws/ .wsc/ .wsf/ .wsh/ .xsd/ .xsx/'"
`

// ownRules are rules of ours in the language of the Core Rule Set. 944150 of
// level 1 sees a nested look-up only in the first 15 characters; 100150 sees
// it anywhere, as 944151 does at level 2.
const ownRules = `
SecRule REQUEST_LINE|ARGS|ARGS_NAMES|REQUEST_COOKIES|REQUEST_COOKIES_NAMES|REQUEST_HEADERS|!REQUEST_HEADERS:Cookie|REQUEST_BODY \
 "@rx (?i)(?:\$|&dollar;?)(?:\{|&l(?:brace|cub);?)[^\}]{16,200}(?:(?:\$|&dollar;?)(?:\{|&l(?:brace|cub);?)|jndi)" \
 "id:100150,phase:2,pass,t:none,t:urlDecodeUni,t:jsDecode,t:htmlEntityDecode,log,noauditlog,\
 msg:'Remote Command Execution: Log4Shell hidden behind a look-up',tag:'attack-rce',severity:'CRITICAL'"
`

// removedRules are those that are wrong about APIs, or whose work is done
// elsewhere.
//   - 920160..920181: framing is checked where bytes are read.
//   - 920300..920330: programs that call APIs leave out Accept and User-Agent.
//   - 920340, 920640, 920420: bodies are opened whatever their Content-Type;
//     which types an API takes is for its description to say.
//   - 920350: probes and calls inside a cluster use numeric hosts.
//   - 921170, 921180: repeated parameters are lists in APIs.
//   - 920260..930110 look at the whole address; we hand the query over apart.
//   - 942290, 942151: $filter and the other options of OData queries are no
//     operators of a database, and startswith( is one of its functions.
const removedRules = `
SecRuleRemoveById 920160 920170 920171 920180 920181
SecRuleRemoveById 920300 920310 920311 920320 920330
SecRuleRemoveById 920340 920640 920420 920350 921170 921180
SecRuleUpdateTargetById 920260 "QUERY_STRING"
SecRuleUpdateTargetById 921240 "QUERY_STRING"
SecRuleUpdateTargetById 930100 "QUERY_STRING"
SecRuleUpdateTargetById 930110 "QUERY_STRING"
SecRuleUpdateTargetById 942290 "!ARGS_NAMES:/^[$](?:filter|top|skip|select|orderby|expand|count|search|format|apply|compute|levels)$/"
SecRuleUpdateTargetById 942151 "!ARGS:$filter"
`

// LoadRules compiles the Core Rule Set for a paranoia level, 1 to 4. It takes
// some tenths of a second and about 20 MB. Coraza tests once that a temporary
// file can be made, unless built with the tag no_fs_access; none is made later.
func LoadRules(paranoia int) (*Rules, error) {
	if paranoia < 1 || paranoia > 4 {
		return nil, fmt.Errorf("paranoia level %d: it must be between 1 and 4", paranoia)
	}
	var b strings.Builder
	b.WriteString(engineSetup)
	fmt.Fprintf(&b, crsSetup, paranoia)
	for _, name := range requestRules {
		b.WriteString("Include @owasp_crs/" + name + ".conf\n")
	}
	b.WriteString(ownRules)
	b.WriteString(removedRules)
	digest, err := rulesDigest(b.String())
	if err != nil {
		return nil, err
	}
	waf, err := coraza.NewWAF(coraza.NewWAFConfig().WithRootFS(coreruleset.FS).WithDirectives(b.String()))
	if err != nil {
		return nil, fmt.Errorf("compiling the rules of paranoia level %d: %w", paranoia, err)
	}
	return &Rules{waf: waf, paranoia: paranoia, digest: digest}, nil
}

// rulesDigest covers the directives and every file that they may include.
func rulesDigest(directives string) (string, error) {
	h := sha256.New()
	_, _ = h.Write([]byte(directives))
	err := fs.WalkDir(coreruleset.FS, "@owasp_crs", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), "RESPONSE-") {
			return err
		}
		text, err := fs.ReadFile(coreruleset.FS, name)
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(h, "%s %d\n", name, len(text))
		_, _ = h.Write(text)
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("reading the rules: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// evaluate runs the rules over the request and what was read of it.
func (r *Rules) evaluate(q *traffic.Request, c *content) ([]match, error) {
	// The id must not be random: equal requests get equal verdicts.
	tx := r.waf.NewTransactionWithID("request")
	defer func() { _ = tx.Close() }() // it holds no file: there is nothing to fail
	state, ok := tx.(plugintypes.TransactionState)
	if !ok {
		return nil, fmt.Errorf("%w: its transactions have no variables", ErrFailed)
	}
	feedHead(tx, q, c)
	if err := feedContent(tx, state.Variables(), c); err != nil {
		return nil, err
	}
	tx.ProcessRequestHeaders()
	if _, err := tx.ProcessRequestBody(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFailed, err)
	}
	var matches []match
	for _, rule := range tx.MatchedRules() {
		matches = appendMatches(matches, rule, c)
	}
	return matches, nil
}

func feedHead(tx types.Transaction, q *traffic.Request, c *content) {
	client := ""
	if q.Client.IsValid() {
		client = q.Client.String()
	}
	tx.ProcessConnection(client, int(q.Remote.Port()), q.Local.Addr().String(), int(q.Local.Port()))
	// The query is handed over as arguments only, so that a match names its
	// parameter instead of the whole request line.
	tx.ProcessURI(c.path, q.Method, q.Proto)
	tx.SetServerName(q.Host)
	for f := range q.Header.All() {
		tx.AddRequestHeader(f.Name, f.Value)
	}
	if !q.Header.Has("host") && q.Host != "" {
		tx.AddRequestHeader("host", q.Host)
	}
}

var errSetter = errors.New("its variables cannot be set")

func feedContent(tx types.Transaction, vars plugintypes.TransactionVariables, c *content) error {
	for _, f := range c.fields {
		switch f.source {
		case fromQuery:
			tx.AddGetRequestArgument(f.key, f.value)
		case fromPath:
			tx.AddPathRequestArgument(f.key, f.value)
		case fromBody:
			tx.AddPostRequestArgument(f.key, f.value)
		case fromFileName:
			vars.Files().Add("", f.value)
		case fromFileField:
			vars.FilesNames().Add("", f.value)
		case fromPartHeader:
			vars.MultipartPartHeaders().Add(f.key, f.value)
		}
	}
	for _, single := range []struct {
		variable any
		value    string
	}{
		{vars.QueryString(), c.query},
		{vars.RequestBody(), c.text},
		{vars.RequestBodyLength(), strconv.Itoa(c.length)},
		{vars.RequestBodyProcessor(), c.processor},
	} {
		setter, ok := single.variable.(interface{ Set(value string) })
		if !ok {
			return fmt.Errorf("%w: %w", ErrFailed, errSetter)
		}
		setter.Set(single.value)
	}
	return nil
}
