use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// What keeps the console from starting, or one of its files from being written.
#[derive(Debug, thiserror::Error)]
pub enum ConsoleError {
    /// The address is taken, or not one of this device.
    #[error("cannot listen on {0}: {1}; choose another address or port for the console")]
    Listen(SocketAddr, #[source] io::Error),
    /// A file of the console's folder cannot be read or written.
    #[error("{path}: {1}; check the owner of the console's folder and the space on the disk", path = .0.display())]
    File(PathBuf, #[source] io::Error),
    /// A secret file can be read by others, is a link, or is no file.
    #[error("{path}: others can read this file, or it is no plain file; make it its owner's alone (chmod 600)", path = .0.display())]
    Exposed(PathBuf),
    /// Larger than such a file may be.
    #[error("{path}: larger than {1} bytes; remove it and make it anew", path = .0.display())]
    TooLarge(PathBuf, u64),
    /// The file with certificate and key holds none.
    #[error("{path}: no certificate with its key; remove the file, and the next start makes a new one", path = .0.display())]
    Certificate(PathBuf),
    /// A certificate cannot be made for these names.
    #[error("no certificate can be made for the names of the console; check them in the configuration")]
    Names,
    /// The users file is damaged.
    #[error("{path}: damaged; remove it and set the users anew", path = .0.display())]
    Users(PathBuf),
    /// A user's name is not acceptable.
    #[error("a name has 1 to 32 small letters, digits, dots, dashes or underscores")]
    Name,
    /// A password is not acceptable.
    #[error("a password has 12 to 128 characters, and is not the user's name")]
    Password,
    /// Nobody has this name.
    #[error("there is no such user; look at the list of users")]
    NoSuchUser,
    /// As many users as there may be.
    #[error("there are {0} users already; remove one first")]
    TooManyUsers(usize),
    /// The tokens file is damaged.
    #[error("{path}: damaged; remove it and make the tokens anew", path = .0.display())]
    Tokens(PathBuf),
    /// Nothing has this token.
    #[error("there is no such token; look at the list of tokens")]
    NoSuchToken,
    /// As many tokens as there may be.
    #[error("there are {0} tokens already; remove one first")]
    TooManyTokens(usize),
    /// The operating system gives no random numbers.
    #[error("the operating system gives no random numbers; restart the device")]
    NoRandomness,
}
