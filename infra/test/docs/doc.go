// Package docs contains only tests. They run the commands of the README and of
// docs/, block by block, as far as no AWS account is needed, and compare what the
// pages name with the code: tasks of the Makefile, variables, files.
package docs
