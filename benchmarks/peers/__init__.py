"""The same rule on other engines, each as its documentation would have it written."""
