// What every page shares. Each subject is a module of its own; page scripts import what they need.
import "./shortcuts.js";
import "./confirm.js";
import "./notices.js";
import "./times.js";
import "./unsent.js";
import "./polling.js";
