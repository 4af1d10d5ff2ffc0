package scim

// BasePath is the path below which every URL is SCIM. The next segment is the
// directory's external key.
const BasePath = "/scim/v2.0/"
