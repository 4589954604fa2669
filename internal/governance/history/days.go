package history

import (
	"context"
	"errors"
	"fmt"
	"time"

	"farrier.dev/farrier/internal/governance"
	"farrier.dev/farrier/internal/store"
)

// Sum is how all APIs stood at the end of a day, or stand now for the day that is not
// over.
type Sum struct {
	Day time.Time
	// APIs are how many there were by status, an API once for each profile.
	APIs map[governance.Status]int
	// Score is the mean of their scores, of those to which their profile applies.
	Score int
}

// day is a day as a number: Unix time in days.
func day(at time.Time) int64 { return at.Unix() / 86400 }

// SumUp remembers how all APIs stand as how they stood today, so that nobody who asks
// for the course of many days has to read what each API did.
func (h *History) SumUp(ctx context.Context) error {
	today := day(h.now())
	err := h.db.Write(ctx, func(tx *store.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM governance_days WHERE environment = ? AND (day = ? OR day < ?)`, h.environment, today, day(h.now().Add(-kept))); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO governance_days (environment, day, status, apis, scores)
			SELECT environment, CAST(? AS BIGINT), status, COUNT(*), SUM(score) FROM governance_reports WHERE environment = ? GROUP BY environment, status`, today, h.environment)
		return err
	})
	if err != nil {
		return fmt.Errorf("summing up governance: %w", err)
	}
	return nil
}

// Days are the sums of the last days, oldest first, and the one before them: a day on
// which nothing was summed up was as the one before it.
func (h *History) Days(ctx context.Context, days int) (sums []Sum, err error) {
	first := day(h.now()) - int64(days) + 1
	rows, err := h.db.Read().Query(ctx, `SELECT day, status, apis, scores FROM governance_days WHERE environment = ?
		AND day >= COALESCE((SELECT MAX(day) FROM governance_days WHERE environment = ? AND day <= ?), ?) ORDER BY day`, h.environment, h.environment, first, first)
	if err != nil {
		return nil, fmt.Errorf("reading governance: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	scores, judged := 0, 0
	for rows.Next() {
		var (
			number     int64
			status     governance.Status
			apis, many int
		)
		if err := rows.Scan(&number, &status, &apis, &many); err != nil {
			return nil, fmt.Errorf("reading governance: %w", err)
		}
		at := time.Unix(number*86400, 0).UTC()
		if len(sums) == 0 || !sums[len(sums)-1].Day.Equal(at) {
			sums = append(sums, Sum{Day: at, APIs: map[governance.Status]int{}})
			scores, judged = 0, 0
		}
		s := &sums[len(sums)-1]
		s.APIs[status] = apis
		if status != governance.NotApplicable {
			scores, judged = scores+many, judged+apis
			s.Score = scores / judged
		}
	}
	return sums, rows.Err()
}
