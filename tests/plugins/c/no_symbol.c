/* A shared library that is no plugin, although it talks of them. */
const char *what_it_lacks(void) { return "sigmalab_plugin_entry"; }
