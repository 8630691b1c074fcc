//! Incidents: which denials open one, how they count, whom they suspend, and how they end.

mod counting; // from records to incidents
mod restarts; // what an earlier run left uncounted
mod rest; // the tools over REST
mod suspension; // who is suspended, and exactly when
mod room; // incidents without a gateway around them
