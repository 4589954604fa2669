package app_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// mcpManifest is a server of MCP behind every policy for it.
const mcpManifest = `
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: tools}
spec:
  address: http://0.0.0.0:8081/tools
  services:
    tools:
      address: http://127.0.0.1:9001
  policies:
  - policyRef: {name: mcp-support}
  - policyRef: {name: mcp-global-access-policy}
    config: {rules: [{type: Block, match_type: pattern, value: "admin-.*"}]}
  - policyRef: {name: mcp-access-control}
    config:
      rules:
      - {tools: [read-order, wait, "ask*"], prompts: [summary], resources: ["docs://public/*"]}
      - {principals: {headers: {x-team: ops}}, tools: ["*"]}
  - policyRef: {name: mcp-pii-detector}
    config: {entities: [Email]}
  - policyRef: {name: mcp-schema-validation}
  - policyRef: {name: mcp-tool-mapping}
    config:
      toolMappings: [{source: SYS_ORD_GET_01, mapped: read-order, description: Reads one order.}]
`

type orderID struct {
	ID int `json:"id"`
}

// mcpServer is a server written with the official SDK.
func mcpServer() *mcp.Server {
	s := mcp.NewServer(&mcp.Implementation{Name: "orders", Version: "1"}, nil)
	for _, name := range []string{"SYS_ORD_GET_01", "delete-order", "admin-drop"} {
		mcp.AddTool(s, &mcp.Tool{Name: name, Description: "of the server"},
			func(_ context.Context, r *mcp.CallToolRequest, _ orderID) (*mcp.CallToolResult, any, error) {
				return said(r.Params.Name), nil, nil
			})
	}
	mcp.AddTool(s, &mcp.Tool{Name: "wait"}, func(ctx context.Context, r *mcp.CallToolRequest, _ any) (*mcp.CallToolResult, any, error) {
		for i := range 3 {
			if err := r.Session.NotifyProgress(ctx, &mcp.ProgressNotificationParams{
				ProgressToken: r.Params.GetProgressToken(), Progress: float64(i),
			}); err != nil {
				return nil, nil, err
			}
		}
		return said("waited"), nil, nil
	})
	mcp.AddTool(s, &mcp.Tool{Name: "ask"}, func(ctx context.Context, r *mcp.CallToolRequest, _ any) (*mcp.CallToolResult, any, error) {
		answer, err := r.Session.Elicit(ctx, &mcp.ElicitParams{Message: "Who?", RequestedSchema: map[string]any{
			"type": "object", "properties": map[string]any{"who": map[string]any{"type": "string"}},
		}})
		if err != nil {
			return nil, nil, err
		}
		who, _ := answer.Content["who"].(string)
		return said("hello " + who), nil, nil
	})
	// The form of a question since 2026-07-28: the call is made again with the answer.
	mcp.AddTool(s, &mcp.Tool{Name: "ask-again"}, func(_ context.Context, r *mcp.CallToolRequest, _ any) (*mcp.CallToolResult, any, error) {
		if answer, ok := r.Params.InputResponses["who"].(*mcp.ElicitResult); ok {
			who, _ := answer.Content["who"].(string)
			return said("hello " + who), nil, nil
		}
		return &mcp.CallToolResult{InputRequests: mcp.InputRequestMap{"who": &mcp.ElicitParams{Message: "Who?", RequestedSchema: map[string]any{
			"type": "object", "properties": map[string]any{"who": map[string]any{"type": "string"}},
		}}}}, nil, nil
	})
	for _, uri := range []string{"docs://public/a", "docs://secret/b"} {
		s.AddResource(&mcp.Resource{URI: uri, Name: uri}, func(context.Context, *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
			return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{{URI: uri, Text: "text"}}}, nil
		})
	}
	for _, name := range []string{"summary", "exploit"} {
		s.AddPrompt(&mcp.Prompt{Name: name}, func(context.Context, *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
			return &mcp.GetPromptResult{}, nil
		})
	}
	return s
}

func said(text string) *mcp.CallToolResult {
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: text}}}
}

// team sends every request with the header of a team.
type team string

// RoundTrip implements http.RoundTripper.
func (name team) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("X-Team", string(name))
	return http.DefaultTransport.RoundTrip(r)
}

// mcpClient is a client of the official SDK that has connected through the
// gateway. It answers questions by who.
func mcpClient(t *testing.T, r *running, of team, who string, progress chan<- float64) *mcp.ClientSession {
	t.Helper()
	client := mcp.NewClient(&mcp.Implementation{Name: "client", Version: "1"}, &mcp.ClientOptions{
		ProgressNotificationHandler: func(_ context.Context, r *mcp.ProgressNotificationClientRequest) { progress <- r.Params.Progress },
		ElicitationHandler: func(context.Context, *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
			return &mcp.ElicitResult{Action: "accept", Content: map[string]any{"who": who}}, nil
		},
	})
	session, err := client.Connect(t.Context(), &mcp.StreamableClientTransport{
		Endpoint: "http://" + r.at("8081") + "/tools", HTTPClient: &http.Client{Transport: of},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = session.Close() })
	return session
}

// TestMCP holds that the official client speaks to the official server through
// all policies for MCP, whichever form the server answers in, and that the
// policies do what they say.
func TestMCP(t *testing.T) {
	for form, options := range map[string]*mcp.StreamableHTTPOptions{
		"event streams": nil,
		"JSON":          {JSONResponse: true},
		"stateless":     {Stateless: true},
	} {
		t.Run(form, func(t *testing.T) {
			server := mcpServer()
			handler := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, options)
			r := serve(t, startServices(t, handler), map[string]string{"tools.yaml": mcpManifest})
			progress := make(chan float64, 100)
			m := &mcpTest{t: t, session: mcpClient(t, r, "sales", "Ann", progress)}
			t.Logf("the protocol is %s", m.session.InitializeResult().ProtocolVersion)
			m.lists("ask ask-again read-order wait")
			m.called("read-order", map[string]any{"id": 1}, "SYS_ORD_GET_01")
			m.refused("read-order", map[string]any{"id": "one"}, "Invalid arguments.")
			m.refused("SYS_ORD_GET_01", map[string]any{"id": 1}, "This tool is not allowed.")
			m.refused("delete-order", map[string]any{"id": 1}, "This tool is not allowed.")
			m.refused("admin-drop", map[string]any{"id": 1}, "This tool is not allowed.")
			m.called("read-order", map[string]any{"id": 2}, "SYS_ORD_GET_01")
			m.others()
			ops := &mcpTest{t: t, session: mcpClient(t, r, "ops", "ann@example.com", progress)}
			ops.lists("ask ask-again delete-order read-order wait")
			ops.called("delete-order", map[string]any{"id": 1}, "delete-order")
			ops.refused("admin-drop", map[string]any{"id": 1}, "This tool is not allowed.")
			if form == "event streams" {
				m.streams(progress)
			}
			if form == "stateless" {
				m.called("ask-again", nil, "hello Ann")
				ops.refused("ask-again", nil, "Personal data is not allowed here.")
			}
		})
	}
}

// mcpTest is one client.
type mcpTest struct {
	t       *testing.T
	session *mcp.ClientSession
}

// lists holds which tools the client sees.
func (m *mcpTest) lists(want string) {
	m.t.Helper()
	result, err := m.session.ListTools(m.t.Context(), nil)
	if err != nil {
		m.t.Fatal(err)
	}
	var names []string
	for _, tool := range result.Tools {
		names = append(names, tool.Name)
		if tool.Name == "read-order" && tool.Description != "Reads one order." {
			m.t.Errorf("the description of %s is %q", tool.Name, tool.Description)
		}
	}
	slices.Sort(names)
	if got := strings.Join(names, " "); got != want {
		m.t.Errorf("the client sees %s, want %s", got, want)
	}
}

func (m *mcpTest) call(tool string, arguments map[string]any) (string, error) {
	params := &mcp.CallToolParams{Name: tool, Arguments: arguments}
	params.SetProgressToken("token")
	result, err := m.session.CallTool(m.t.Context(), params)
	if err != nil {
		return "", err
	}
	text := ""
	for _, c := range result.Content {
		if one, ok := c.(*mcp.TextContent); ok {
			text += one.Text
		}
	}
	return text, nil
}

func (m *mcpTest) called(tool string, arguments map[string]any, want string) {
	m.t.Helper()
	if got, err := m.call(tool, arguments); err != nil || got != want {
		m.t.Errorf("%s answers %q, %v, want %q", tool, got, err, want)
	}
}

func (m *mcpTest) refused(tool string, arguments map[string]any, why string) {
	m.t.Helper()
	if got, err := m.call(tool, arguments); err == nil || !strings.Contains(err.Error(), why) {
		m.t.Errorf("%s answers %q, %v, want an error with %q", tool, got, err, why)
	}
}

// others holds what the client sees and may use besides tools.
func (m *mcpTest) others() {
	m.t.Helper()
	ctx := m.t.Context()
	resources, err := m.session.ListResources(ctx, nil)
	if err != nil || len(resources.Resources) != 1 || resources.Resources[0].URI != "docs://public/a" {
		m.t.Errorf("resources %v, %v", resources, err)
	}
	prompts, err := m.session.ListPrompts(ctx, nil)
	if err != nil || len(prompts.Prompts) != 1 || prompts.Prompts[0].Name != "summary" {
		m.t.Errorf("prompts %v, %v", prompts, err)
	}
	if _, err := m.session.ReadResource(ctx, &mcp.ReadResourceParams{URI: "docs://public/a"}); err != nil {
		m.t.Errorf("reading what is allowed: %v", err)
	}
	if _, err := m.session.ReadResource(ctx, &mcp.ReadResourceParams{URI: "docs://secret/b"}); err == nil || !strings.Contains(err.Error(), "This resource is not allowed.") {
		m.t.Errorf("reading what is not allowed: %v", err)
	}
	if _, err := m.session.GetPrompt(ctx, &mcp.GetPromptParams{Name: "exploit"}); err == nil || !strings.Contains(err.Error(), "This prompt is not allowed.") {
		m.t.Errorf("a prompt that is not allowed: %v", err)
	}
}

// streams holds that what a server asks and sends before it answers arrives.
func (m *mcpTest) streams(progress <-chan float64) {
	m.t.Helper()
	m.called("ask", nil, "hello Ann")
	m.called("wait", nil, "waited")
	late := time.After(patience)
	for want := range 3 {
		select {
		case got := <-progress:
			if got != float64(want) {
				m.t.Errorf("progress %v, want %d", got, want)
			}
		case <-late:
			m.t.Fatalf("notification %d of progress did not come", want)
		}
	}
}
