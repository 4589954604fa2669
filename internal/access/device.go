package access

import (
	"context"
	"net/netip"

	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/store"
)

// know remembers the browser of a sign-in, and gives it something to be known by
// unless it has that already.
func (s *Service) know(ctx context.Context, tx *store.Tx, account string, from From) (device string, err error) {
	now, network := s.now().UnixMilli(), networkText(from.Address)
	if from.Device != "" {
		n, err := tx.Exec(ctx, "UPDATE access_devices SET seen_at = ?, network = ? WHERE token_hash = ? AND account = ?",
			now, network, hashText(from.Device), account)
		if err != nil || n > 0 {
			return "", err
		}
	}
	device, _ = secret.NewToken()
	_, err = tx.Exec(ctx, "INSERT INTO access_devices (token_hash, account, network, seen_at) VALUES (?, ?, ?, ?)", hashText(device), account, network, now)
	return device, err
}

// known says whether somebody signed in to an account before from a browser, or from
// its network: neither can be slowed down by strangers.
func (s *Service) known(ctx context.Context, account string, from From) (device, network bool, err error) {
	var devices, networks int
	err = s.db.Read().QueryRow(ctx, "SELECT count(CASE WHEN token_hash = ? THEN 1 END), count(CASE WHEN network = ? THEN 1 END) "+
		"FROM access_devices WHERE account = ? AND seen_at > ?", hashText(from.Device), networkText(from.Address), account,
		s.now().Add(-DeviceLife).UnixMilli()).Scan(&devices, &networks)
	return devices > 0 && from.Device != "", networks > 0 && from.Address.IsValid(), err
}

// network is the part of an address that one host has for itself: all of IPv4, and the
// /64 of IPv6. The zero prefix stands for an unknown address.
func network(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap().WithZone("")
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	prefix, _ := addr.Prefix(bits)
	return prefix
}

func networkText(addr netip.Addr) string {
	if p := network(addr); p.IsValid() {
		return p.String()
	}
	return "unknown"
}
