"""Why people pay: settings of the two behaviour models turned to tables."""
