package client

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control"
)

// Imported is what another platform knew: applications, tiers and contracts.
type Imported struct {
	Applications []ImportedApplication `json:"applications,omitempty"`
	Tiers        []ImportedTier        `json:"tiers,omitempty"`
	Contracts    []ImportedContract    `json:"contracts,omitempty"`
}

// ImportedApplication is an application with its id and secret. At most one of Secret
// and SecretHash is given; with neither, a secret must be made before it can call.
type ImportedApplication struct {
	Draft
	// Secret is the secret itself, at least 16 characters; only its hash is kept.
	Secret string `json:"secret,omitempty"`
	// SecretHash is sha256: and the 64 hexadecimal digits of its SHA-256.
	SecretHash string `json:"secretHash,omitempty"`
}

// ImportedTier is a tier of an API.
type ImportedTier struct {
	API string `json:"api"`
	TierDraft
}

// ImportedContract names an application by its client id and a tier by its name.
type ImportedContract struct {
	API      string    `json:"api"`
	ClientID string    `json:"clientId"`
	Tier     string    `json:"tier,omitempty"`
	State    State     `json:"state"`
	Reason   string    `json:"reason,omitempty"`
	Asked    time.Time `json:"asked,omitzero"`
}

// ImportResult counts what was made; what was there already is skipped.
type ImportResult struct {
	Applications int `json:"applications"`
	Tiers        int `json:"tiers"`
	Contracts    int `json:"contracts"`
	Skipped      int `json:"skipped"`
}

// maxImport bounds each list of one import.
const maxImport = 50_000

var hashForm = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// Import makes all that is not there yet, or nothing. It needs access.ManageClients
// in the business group and, for tiers and contracts, access.ManageContracts in the
// environment.
func (s *Service) Import(ctx context.Context, p control.Principal, group, environment string, in Imported) (ImportResult, error) {
	if err := s.gate.Group(ctx, p, access.ManageClients, group); err != nil {
		return ImportResult{}, err
	}
	if len(in.Tiers)+len(in.Contracts) > 0 {
		if err := s.gate.Environment(ctx, p, access.ManageContracts, environment); err != nil {
			return ImportResult{}, err
		}
	}
	if max(len(in.Applications), len(in.Tiers), len(in.Contracts)) > maxImport {
		return ImportResult{}, wrong("applications", "at most %d of a kind at once", maxImport)
	}
	in = Imported{slices.Clone(in.Applications), slices.Clone(in.Tiers), slices.Clone(in.Contracts)}
	if err := in.check(); err != nil {
		return ImportResult{}, err
	}
	var done ImportResult
	err := s.write(ctx, p, func(c *change) error {
		done = ImportResult{}
		i := importing{change: c, group: group, environment: environment, done: &done, tiers: map[[2]string]*Tier{}}
		for n := range in.Applications {
			if err := i.application(ctx, &in.Applications[n]); err != nil {
				return fmt.Errorf("applications[%d]: %w", n, err)
			}
		}
		for n := range in.Tiers {
			if err := i.tier(ctx, &in.Tiers[n]); err != nil {
				return fmt.Errorf("tiers[%d]: %w", n, err)
			}
		}
		for n := range in.Contracts {
			if err := i.contract(ctx, &in.Contracts[n]); err != nil {
				return fmt.Errorf("contracts[%d]: %w", n, err)
			}
		}
		return c.tell(ctx, environment, audit.ClientsImported, "group "+group, nil, done)
	}, in.owners()...)
	return done, err
}

// owners are those of all applications.
func (in *Imported) owners() []string {
	var all []string
	for n := range in.Applications {
		all = append(all, in.Applications[n].Owners...)
	}
	return all
}

func (in *Imported) check() error {
	for n := range in.Applications {
		a := &in.Applications[n]
		err := a.check()
		switch {
		case err != nil:
		case a.ClientID == "":
			err = wrong("clientId", "required, but missing")
		case a.Secret != "" && a.SecretHash != "":
			err = wrong("secret", "give the secret or its hash, not both")
		case a.Secret != "" && (len(a.Secret) < 16 || len(a.Secret) > 256 || !printable(a.Secret, false)):
			err = wrong("secret", "must be 16 to 256 characters of one line: a shorter one can be guessed from its hash; import without it and make a new one")
		case a.SecretHash != "" && !hashForm.MatchString(a.SecretHash):
			err = wrong("secretHash", "must be sha256: and 64 hexadecimal digits in lower case")
		}
		if err != nil {
			return fmt.Errorf("applications[%d]: %w", n, err)
		}
	}
	for n := range in.Tiers {
		if err := errors.Join(apiFits(in.Tiers[n].API), in.Tiers[n].check()); err != nil {
			return fmt.Errorf("tiers[%d]: %w", n, err)
		}
	}
	for n := range in.Contracts {
		c := &in.Contracts[n]
		err := errors.Join(apiFits(c.API), prose("reason", c.Reason))
		if err == nil && !slices.Contains([]State{Pending, Approved, Rejected, Revoked}, c.State) {
			err = wrong("state", "must be one of PENDING, APPROVED, REJECTED, REVOKED")
		}
		if err != nil {
			return fmt.Errorf("contracts[%d]: %w", n, err)
		}
	}
	return nil
}

// importing is one import.
type importing struct {
	*change
	group, environment string
	done               *ImportResult
	// tiers are those of the environment by API and name, as they were looked for.
	tiers map[[2]string]*Tier
}

// known is an application of the group by its client id, nil for none.
func (i *importing) known(ctx context.Context, clientID string) (*Application, error) {
	rows, err := i.Query(ctx, "SELECT id, name FROM clients_applications WHERE group_id = ? AND client_id = ?", i.group, clientID)
	if err != nil {
		return nil, fmt.Errorf("looking for the client: %w", err)
	}
	var found *Application
	err = each(rows, func() error {
		found = &Application{Group: i.group, ClientID: clientID}
		return rows.Scan(&found.ID, &found.Name)
	})
	return found, err
}

func (i *importing) application(ctx context.Context, a *ImportedApplication) error {
	found, err := i.known(ctx, a.ClientID)
	if err != nil {
		return err
	}
	if found != nil {
		i.done.Skipped++
		return nil
	}
	hash := a.SecretHash
	if a.Secret != "" {
		hash = hashOf(a.Secret)
	}
	if len(a.Owners) == 0 {
		a.Owners = []string{accountPrefix + i.p.Operator}
	}
	made, err := i.create(ctx, i.group, a.Draft, hash, 0)
	if err != nil {
		return err
	}
	i.done.Applications++
	return i.tell(ctx, "", audit.ClientCreated, "client "+made.ClientID, nil, made.told())
}

func (i *importing) tier(ctx context.Context, t *ImportedTier) error {
	found, err := i.tierNamed(ctx, t.API, t.Name)
	if err != nil {
		return err
	}
	if found != nil {
		i.done.Skipped++
		return nil
	}
	made := &Tier{ID: newID(8), Environment: i.environment, API: t.API, TierDraft: t.TierDraft, Version: 1}
	i.tiers[[2]string{t.API, t.Name}] = made
	i.done.Tiers++
	return i.addTier(ctx, made)
}

// tierNamed is a tier of the environment, nil for none.
func (i *importing) tierNamed(ctx context.Context, api, name string) (*Tier, error) {
	key := [2]string{api, name}
	if found, looked := i.tiers[key]; looked {
		return found, nil
	}
	list, err := tiers(ctx, i.Reader, "WHERE t.environment = ? AND t.api = ? AND t.name = ?", i.environment, api, name)
	if err != nil {
		return nil, err
	}
	i.tiers[key] = nil
	if len(list) > 0 {
		i.tiers[key] = &list[0]
	}
	return i.tiers[key], nil
}

func (i *importing) contract(ctx context.Context, in *ImportedContract) error {
	app, err := i.known(ctx, in.ClientID)
	if err != nil {
		return err
	}
	if app == nil {
		return wrong("clientId", "the business group has no client %.128q", in.ClientID)
	}
	held, err := contracts(ctx, i.Reader, "WHERE c.environment = ? AND c.api = ? AND c.application_id = ?", i.environment, in.API, app.ID)
	if err != nil {
		return err
	}
	if len(held) > 0 {
		i.done.Skipped++
		return nil
	}
	var tier *Tier
	if in.Tier != "" {
		if tier, err = i.tierNamed(ctx, in.API, in.Tier); err != nil {
			return err
		}
		if tier == nil {
			return wrong("tier", "the API has no tier %.100q", in.Tier)
		}
	}
	c := &Contract{
		ID: newID(10), Environment: i.environment, API: in.API, Application: app.ID, Group: app.Group, ApplicationName: app.Name, ClientID: app.ClientID,
		Reason: in.Reason, AskedBy: i.p.Operator, Asked: millis(i.now),
	}
	if !in.Asked.IsZero() {
		c.Asked = in.Asked
	}
	i.done.Contracts++
	// The way through the table leads to the state that it had.
	if err := i.step(ctx, c, Request, move{tier: tier, granted: in.State == Approved || in.State == Revoked}); err != nil {
		return err
	}
	switch in.State {
	case Pending, Approved:
		return nil
	case Rejected:
		return i.step(ctx, c, Reject, move{note: "imported"})
	case Revoked:
		return i.step(ctx, c, Revoke, move{note: "imported"})
	}
	return nil
}
