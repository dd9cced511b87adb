//! What a visitor does, in a real browser, with the model that ships.

mod blocks;
mod control;
mod demo_site;
mod engines;
mod firefox;
mod hosts;
mod kinds;
mod layout;
mod offline;
mod package;
mod pages;
mod react;
mod storage;
mod text_page;
mod visitor;
