package template

import "testing"

func TestClassify(t *testing.T) {
	w := NewWords()
	cases := []struct {
		segment string
		place   int
		want    Kind
	}{
		{"123", 1, Integer},
		{"3", 0, Number},
		{"3", 2, Integer},
		{"12.5", 1, Float},
		{"-3", 1, Float},
		{"2.0", 0, Number},
		{"550e8400-e29b-41d4-a716-446655440000", 1, UUID},
		{"507f1f77bcf86cd799439011", 1, ObjectID},
		{"deadbeef01", 1, Hex},
		{"01ARZ3NDEKTSV4RRFFQ69G5FAV", 1, ULID},
		{"2024-01-31", 1, Date},
		{"2024-01-31", 0, Day},
		{"2024-01-31T10:00:00Z", 1, DateTime},
		{"a.b@example.com", 1, Email},
		{"10.0.0.1", 1, Address},
		{"ORD-2024-0001", 1, Code},
		{"cus_9s6XKzkNRiz8i3", 1, Code},
		{"AC5ef8732a3c4970", 1, Hex},
		{"1,2,3", 1, List},
		{"The%20Matrix", 1, Text},
		{"v1", 0, Version},
		{"v2.1", 3, Version},
		{"v1beta2", 0, Version},
		{"en-US", 1, Locale},
		{"DE", 1, Locale},
		{"USD", 1, Locale},
		{"JFK", 1, Upper},
		{"de", 1, Locale},
		{"it", 1, Locale},
		{"me", 1, Word},
		{"elena", 1, Person},
		{"shop.example.com", 1, Domain},
		{"cactus-quartz", 1, Name},
		{"garden-north", 1, Slug},
		{"API", 1, Word},
		{"user7", 1, Numbered},
		{"orders", 1, Word},
		{"me", 1, Word},
		{"search", 1, Word},
		{"line-items", 1, Phrase},
		{"lineItems", 1, Phrase},
		{"forgot_password", 1, Phrase},
		{"getuserdetails", 1, Word},
		{"oauth2", 0, Word},
		{"sha256", 1, Word},
		{"base64", 1, Word},
		{"categories", 1, Word},
		{"subscriptions", 1, Word},
		{"unsubscribed", 1, Word},
		{"$metadata", 1, Word},
		{"octocat", 1, Name},
		{"jsmith", 1, Name},
		{"xkqzvbnw", 1, Token},
		{"xKdPqLmZtRwYbN", 1, Token},
		{"Microsoft.Compute", 1, Phrase},
		{"healthz", 0, Word},
		{"wellknown", 0, Word},
		{".well-known", 0, Phrase},
		{"openid-configuration", 1, Phrase},
		{"resourceGroups", 1, Phrase},
		{"virtualMachines", 1, Phrase},
		{"repos", 0, Word},
		{"oauth", 0, Word},
		{"whoami", 0, Word},
	}
	for _, c := range cases {
		if got, _ := w.Classify(c.segment, c.place); got != c.want {
			t.Errorf("%s at %d: got %d, want %d", c.segment, c.place, got, c.want)
		}
	}
	t.Logf("%d segments, %d words", len(cases), len(w.rank))
	if len(w.rank) < 2500 {
		t.Error("the vocabulary is too small")
	}
}
