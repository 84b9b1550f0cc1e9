package main

// The exports of the component call the plugin that plugin.go registers.
import _ "my-plugin/bindings/exports/wit_exports"

// Never called: the host calls the exports.
func main() {}
