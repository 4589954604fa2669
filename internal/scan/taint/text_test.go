package taint

import (
	"strings"
	"testing"
)

// piecesOf takes a text apart in which ‹› is a hole whose position is asked for, and
// ‹c› one that is a constant.
func piecesOf(text string) (pieces []Piece, hole int) {
	hole = -1
	for {
		before, rest, ok := strings.Cut(text, "‹")
		if before != "" {
			pieces = append(pieces, Piece{Text: before})
		}
		if !ok {
			return pieces, hole
		}
		inside, after, _ := strings.Cut(rest, "›")
		h := Of(TextType)
		if inside == "" {
			h, hole = client("payload"), len(pieces)
		}
		pieces = append(pieces, Piece{Hole: h})
		text = after
	}
}

func TestSQLPosition(t *testing.T) {
	for position, texts := range map[Position]string{InValue: `
SELECT * FROM planet WHERE name = '‹›'
SELECT * FROM planet WHERE name = ‹›
SELECT * FROM planet WHERE name =‹›
SELECT * FROM planet WHERE name LIKE '%‹›%'
SELECT * FROM planet WHERE name like ‹›
SELECT * FROM planet WHERE id IN (‹›)
SELECT * FROM planet WHERE id IN (1, ‹›)
SELECT * FROM planet WHERE id > ‹› AND x = 1
SELECT * FROM planet WHERE id <> ‹›
SELECT * FROM planet WHERE a BETWEEN ‹› AND 2
SELECT * FROM planet WHERE a BETWEEN 1 AND ‹›
SELECT * FROM planet LIMIT ‹›
SELECT * FROM planet LIMIT 10 OFFSET ‹›
SELECT TOP ‹› * FROM planet
INSERT INTO t (a, b) VALUES (‹›, 2)
INSERT INTO t (a, b) VALUES (1, '‹›')
INSERT INTO t VALUES (1, ‹›)
insert into t values (upper(‹›))
UPDATE t SET a = ‹› WHERE id = 1
UPDATE t SET a = 1, b = '‹›'
DELETE FROM t WHERE id=‹›
DELETE FROM t WHERE lower(a) = lower(‹›)
{ call proc(‹›) }
CALL proc(1, ‹›)
SELECT Id FROM Account WHERE Name = '‹›' LIMIT 1
SELECT Id FROM Account WHERE CreatedDate > ‹›
FIND {‹›
SELECT a FROM ‹c› WHERE b = '‹›'
SELECT 'it''s' FROM t WHERE a = '‹›'
SELECT a -- from ' here
 FROM t WHERE a = ‹›
SELECT /* ' */ a FROM t WHERE a = ‹›
SELECT CASE WHEN a = 1 THEN ‹› ELSE 2 END FROM t
SELECT * FROM t WHERE a = 1 + ‹›
SELECT * FROM t WHERE a = b || ‹›
SELECT * FROM a WHERE x IN ('‹›')
SELECT * FROM t WHERE a = to_date(‹›, 'yyyy')
SELECT * FROM t WHERE (a = ‹›)
`, InIdentifier: `
‹›
‹› FROM t
SELECT ‹› FROM t
SELECT a, ‹› FROM t
SELECT * FROM ‹›
SELECT * FROM ‹› WHERE a = 1
SELECT * FROM a, ‹›
SELECT * FROM schema.‹›
SELECT * FROM table_‹› WHERE a = 1
SELECT * FROM t WHERE ‹›
SELECT * FROM t WHERE a = 1 AND ‹›
SELECT * FROM t WHERE a = 1 ‹›
SELECT * FROM t WHERE ‹› = 1
SELECT * FROM t ORDER BY ‹›
SELECT * FROM t ORDER BY a, ‹›
SELECT * FROM t ORDER BY a ‹›
SELECT * FROM t GROUP BY ‹›
INSERT INTO ‹› (a) VALUES (1)
INSERT INTO t (‹›) VALUES (1)
INSERT INTO t (a, ‹›) VALUES (1)
UPDATE ‹› SET a = 1
UPDATE t SET ‹› = 1
UPDATE t SET a = 1, ‹› = 2
DELETE FROM ‹›
DROP TABLE ‹›
SELECT * FROM t JOIN ‹› ON a = b
SELECT "‹›" FROM t
SELECT * FROM ` + "`‹›`" + `
SELECT a FROM t; ‹›
SELECT a FROM t WHERE a = 'x' ‹›
SELECT * FROM t WHERE (‹›)
ALTER TABLE t ADD ‹› int
TRUNCATE TABLE ‹›
SELECT Id, ‹› FROM Account
SELECT a FROM t WHERE a = :a ORDER BY ‹›
SELECT ‹c› FROM t WHERE ‹› = 1
`} {
		text := strings.ReplaceAll(strings.TrimSpace(texts), "\n FROM", "\x00 FROM")
		n := 0
		for line := range strings.Lines(text) {
			line = strings.ReplaceAll(strings.TrimRight(line, "\n"), "\x00", "\n")
			n++
			pieces, hole := piecesOf(line)
			if got := SQLPosition(pieces, hole); got != position {
				t.Errorf("%q: position %d, want %d", line, got, position)
			}
		}
		t.Logf("%d texts", n)
	}
}

func TestURLPosition(t *testing.T) {
	for position, texts := range map[Position]string{InHost: `
‹›
‹›/x
http://‹›
http://‹›/x
https://‹›.acme.com/x
https://api.‹›
https://api.acme.com:‹›/x
https://api.acme.com‹›
https://api.acme.com:8443‹›
https://user@‹›/
https://‹c›:‹›/x
https://‹c›‹›
‹c›.‹›
//‹›/x
`, InPath: `
https://api.acme.com/‹›
https://api.acme.com/x?a=‹›
https://‹c›/‹›
https://‹c›/a/‹›/b
‹c›/x/‹›
‹c›‹›
/x/‹›
/‹›
?a=‹›
classpath://dw/‹›
file:///data/‹›
api/‹›
`} {
		n := 0
		for line := range strings.Lines(strings.TrimSpace(texts)) {
			n++
			line = strings.TrimSpace(line)
			pieces, hole := piecesOf(line)
			if got := URLPosition(pieces, hole); got != position {
				t.Errorf("%q: position %d, want %d", line, got, position)
			}
		}
		t.Logf("%d addresses", n)
	}
}
