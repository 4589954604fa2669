package errorsanitization

import (
	"testing"

	"farrier.dev/farrier/internal/policy/policytest"
)

func TestConversations(t *testing.T) { policytest.Play(t, Policy(), 2) }

// TestLeaks holds that errors of many platforms are recognised, and that honest
// ones are not.
func TestLeaks(t *testing.T) {
	found, err := compileLeaks(nil)
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct{ body, kind string }{
		{"java.lang.NullPointerException\n\tat com.acme.Orders.find(Orders.java:42)\n", "a stack trace of Java"},
		{`{"message":"org.springframework.dao.DataIntegrityViolationException: could not execute"}`, "an exception of Java"},
		{`{"errorType":"MULE:EXPRESSION"}`, "an error of Mule"},
		{"System.NullReferenceException: Object\r\n   at Acme.Orders.Find(Int32 id) in C:\\src\\Orders.cs:line 7\r\n", "a stack trace of .NET"},
		{"Traceback (most recent call last):\n  File \"app.py\", line 3\n", "a stack trace of Python"},
		{"TypeError: x is undefined\n    at find (/srv/app/orders.js:10:3)\n", "a stack trace of JavaScript"},
		{`{"error":"x","stack":"TypeError: x is undefined\n    at find (/srv/app/orders.js:10:3)\n"}`, "a stack trace of JavaScript"},
		{"<pre>TypeError: x is undefined<br> &nbsp; &nbsp;at find (/srv/app/orders.js:10:3)</pre>", "a stack trace of JavaScript"},
		{`{"trace":"NPE\r\n\tat com.acme.Orders.find(Orders.java:42)\r\n"}`, "a stack trace of Java"},
		{`{"detail":"cannot open C:\\inetpub\\wwwroot\\web.config"}`, "a path of a file"},
		{"panic: boom\n\ngoroutine 17 [running]:\nmain.main()", "a stack trace of Go"},
		{"<b>Fatal error</b>: Uncaught Error in index.php on line <b>12</b>", "an error of PHP"},
		{"app/models/order.rb:12:in `find'", "a stack trace of Ruby"},
		{"ORA-00942: table or view does not exist", "an error of a database"},
		{`SQLSTATE[42S02]: Base table not found`, "an error of a database"},
		{`{"query":"SELECT id, name FROM users WHERE id = 7"}`, "a statement of SQL"},
		{"cannot open /home/app/config/prod.yaml", "a path of a file"},
		{`C:\inetpub\wwwroot\web.config is missing`, "a path of a file"},
		{"connection to 10.1.2.3:5432 refused", "an address of the inside"},
		{"-----BEGIN RSA PRIVATE KEY-----", "a secret"},
		{"login failed: user=app password=hunter22", "a secret"},

		{`{"error":"Order 17 was not found","code":404}`, ""},
		{`{"title":"Validation failed","errors":[{"field":"quantity","message":"must be above 0"}]}`, ""},
		{"Please select a product from the list and update your cart.", ""},
		{"Your password must have at least 12 characters.", ""},
		{"The exception to this rule is orders above 10 pieces.", ""},
		{"See https://api.example.com/docs/errors#rate-limit", ""},
		{"Version 1.10.2.3 of the client is too old.", ""},
		{"<html><body><h1>502 Bad Gateway</h1></body></html>", ""},
	}
	for _, c := range cases {
		if kind := found.find([]byte(c.body)); kind != c.kind {
			t.Errorf("%q: found %q, want %q", c.body, kind, c.kind)
		}
	}
	t.Logf("played %d errors", len(cases))
}
