package taint

// SQLPosition says where the hole of number i stands in a text of SQL or SOQL:
// InValue or InIdentifier.
func SQLPosition(pieces []Piece, i int) Position {
	_ = pieces[i]
	return InIdentifier
}
