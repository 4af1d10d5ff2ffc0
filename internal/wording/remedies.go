package wording

import (
	"fmt"
	"net/http"

	"dsync/internal/doctor"
	"dsync/internal/management"
	"dsync/internal/scim"
	"dsync/internal/usage"
)

// Remedy is what is wrong with a request, and what to do about it.
type Remedy struct {
	Problem string
	Path    string // the attribute or path at fault, "" for none
	Remedy  string
}

// refusals are the reasons of refusals with a scimType (RFC 7644 section 3.12).
var refusals = map[string]Remedy{
	string(scim.InvalidFilter): {Problem: "The filter cannot be read.", Remedy: "The provider makes the filter of its matching attribute. Match users by userName, externalId or a mail address, and groups by displayName."},
	string(scim.TooMany):       {Problem: "The filter would read more than one request may.", Remedy: "Match users by userName, externalId or a mail address, and groups by displayName: these are found directly."},
	string(scim.Uniqueness):    {Problem: "Another user or group of this directory has this name.", Remedy: "Look for two objects with one name at the provider. If there is only one, its ID changed: restart provisioning there, so that it finds the one that is here."},
	string(scim.Mutability):    {Problem: "The attribute is read-only.", Remedy: "Remove the attribute from the mapping at the provider."},
	string(scim.InvalidSyntax): {Problem: "The body is not valid SCIM.", Remedy: "Compare the mapping with the attributes in /Schemas: an expression gives a list or an object where a text is expected, or the reverse."},
	string(scim.InvalidPath):   {Problem: "No schema has this attribute.", Remedy: "Remove it from the mapping at the provider, or declare it as an extension of the directory."},
	string(scim.NoTarget):      {Problem: "The change names a value that is not there.", Remedy: "Map the attribute to a path without a filter, or one with the type that the values have, such as emails[type eq \"work\"].value."},
	string(scim.InvalidValue):  {Problem: "The value is missing, has the wrong type, or has characters that cannot be seen.", Remedy: "Look at the source of this attribute in the mapping: it is empty here, or of another type. A default value or an expression in the mapping helps."},
	string(scim.InvalidCursor): {Problem: "The cursor of the list is not one of this list.", Remedy: "The provider begins the list again by itself."},
	string(scim.ExpiredCursor): {Problem: "The cursor of the list has expired.", Remedy: "The provider begins the list again by itself."},
	string(scim.InvalidCount):  {Problem: "The size of the page is not a number that is possible.", Remedy: "Choose a smaller page in the provider's settings."},
}

// failures are the reasons of refusals without a scimType, by status.
var failures = map[int]Remedy{
	http.StatusForbidden:             {Problem: "The directory is paused.", Remedy: "Resume the directory: the provider sends it again."},
	http.StatusNotFound:              {Problem: "There is no user or group with this ID.", Remedy: "It was deleted here, and the provider still knows it. Restart provisioning at the provider: it then creates it again."},
	http.StatusMethodNotAllowed:      {Problem: "The endpoint does not have this method.", Remedy: "Nothing to do: the provider tries what SCIM allows, and goes on without it."},
	http.StatusConflict:              {Problem: "Others were changing the same thing.", Remedy: "The provider sends it again by itself."},
	http.StatusPreconditionFailed:    {Problem: "It was changed since the provider read it.", Remedy: "The provider reads it again, and sends the change again by itself."},
	http.StatusRequestEntityTooLarge: {Problem: "The body is too large.", Remedy: "Leave large attributes out of the mapping, or send fewer changes at once."},
	http.StatusUnsupportedMediaType:  {Problem: "The body is not JSON.", Remedy: "The provider must send the content type application/scim+json."},
	http.StatusTooManyRequests:       {Problem: "The directory sent more than its share.", Remedy: "The provider slows down and sends it again by itself."},
	http.StatusNotImplemented:        {Problem: "The endpoint does not have this.", Remedy: "Nothing to do: the provider goes on without it."},
	http.StatusServiceUnavailable:    {Problem: "There was too much to do at the time.", Remedy: "The provider sends it again by itself."},
}

// WhyRefused says why a request was refused.
func WhyRefused(r management.Request) Remedy {
	if problem, remedy := doctor.Explain(r.Reason); problem != "" {
		return Remedy{Problem: problem, Remedy: remedy}
	}
	why, known := refusals[r.ScimType]
	switch {
	case known:
	case r.Status == http.StatusNotFound && r.Route == "":
		why = Remedy{Problem: "There is nothing at this path.", Remedy: "Look at the Tenant URL at the provider: nothing may follow its key."}
	case r.Status >= http.StatusInternalServerError && failures[r.Status] == Remedy{}:
		why = Remedy{Problem: "dsync failed.", Remedy: "Look for the request ID in the logs. The provider sends the request again."}
	default:
		why = failures[r.Status]
		if why == (Remedy{}) {
			why = Remedy{Problem: fmt.Sprintf("It was answered with %d %s.", r.Status, http.StatusText(r.Status)), Remedy: "Look for the request ID in the log of the provider."}
		}
	}
	why.Path = r.Path
	return why
}

// WhyIgnored says what was ignored of a request that succeeded.
func WhyIgnored(what, path string, count int) Remedy {
	why := Remedy{Problem: what, Remedy: "Look for the request ID in the logs."}
	switch what {
	case usage.UnknownPath:
		why = Remedy{Problem: "An attribute was ignored: no schema has it.", Remedy: "Remove it from the mapping at the provider, or declare it as an extension of the directory."}
	case usage.UnknownMember:
		why = Remedy{Problem: quantity(count, "member was ignored: it is no user", "members were ignored: they are no users") + " of this directory.", Remedy: "Assign these people to the application at the provider, too, then restart provisioning: they join the group when they come."}
	case usage.NestedGroup:
		why = Remedy{Problem: quantity(count, "member was ignored: it is a group.", "members were ignored: they are groups."), Remedy: "Groups in groups are not expanded. Assign the inner groups to the application at the provider."}
	}
	why.Path = path
	return why
}

// quantity is a number with what there is of it.
func quantity(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprint(n, " ", many)
}
