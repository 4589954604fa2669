package control

// Met is the outcome of a statement that names the version that was seen in its WHERE:
// ErrConflict when it met no row, so that of two changes at the same time one is lost
// to nobody, whatever the database isolates.
func Met(rows int64, err error) error {
	if err == nil && rows == 0 {
		return ErrConflict
	}
	return err
}
