// What an identity provider's page posted here is posted once more, as a request of
// this site, with its cookies. Without it a button does the same.
"use strict";

document.querySelector("form[data-onward]")?.submit();
